"""Text for people, always in both languages of the team."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

Language = Literal["ja", "en"]


class Text(BaseModel):
    """One sentence or name in Japanese and English.

    Connectors never choose a language; whoever shows the text does.
    """

    model_config = ConfigDict(frozen=True)

    ja: str
    en: str

    def in_(self, language: Language) -> str:
        """Return the text in `language`."""
        return self.ja if language == "ja" else self.en
