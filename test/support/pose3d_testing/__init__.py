"""Fakes and makers that several test folders share."""
