"""What robots eat: retargeting through libraries, behind frames, joint orders, validity and limits of our own.

Needs the extra `control`. Nothing here is a safety function.
"""
