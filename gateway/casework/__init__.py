"""What an agent, a member of the support team or a program with a token, may do. The edge commits."""
