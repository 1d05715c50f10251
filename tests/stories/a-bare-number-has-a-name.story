# A device that reports only a number is held against rules about version texts all the same.

image 1 lamp 3 #1 1.4.0
image 2 lamp 3 #2 1.5.0 from:1.4.x
device lamp-1 lamp
device lamp-2 lamp
connect lamp-1
connect lamp-2
offer 2
lamp-1 report 3=#1
    stored
    action 1: - -> offered [created]
    tell desired 1 [1: 3=1.5.0#2]
    tell Deploy action 1 attempt 1
show lamp-1
    type 3: 1.4.0 (number 1)
    type 3: action 1
# Nobody knows this number.
lamp-2 report 3=#0
    stored
explain lamp-2 3
    pass offered
    pass product
    pass type
    pass reported
    pass not-installed
    pass no-downgrade
    FAIL compatible: not-compatible (the update may not start from the device's version)
    pass through
    pass hardware
    pass window
    pass attempts
    pass penalty
    pass weight
    pass free
