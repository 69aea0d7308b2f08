"""The terms of an answer: findings, reasons for having none, films to ask about."""
