"""Credentials and options of one channel at Example Market."""

from typing import Annotated

from pydantic import Field, SecretStr

from gateway.sdk import ChannelSettings


class ExampleSettings(ChannelSettings):
    """What an operator types in; a `SecretStr` is encrypted at rest and never shown again."""

    api_key: Annotated[SecretStr, Field(description="API key from the market's shop screen; lives 180 days.")]
    base_url: Annotated[str, Field(description="Address of the market's API.")] = "https://api.market.example/v1"
    request_interval: Annotated[
        float, Field(ge=0, le=60, description="Seconds between the starts of two requests; the market asks for 1.")
    ] = 1.0
    look_back_days: Annotated[
        int, Field(gt=0, le=3650, description="How many days of the past are read, again every six hours.")
    ] = 400
