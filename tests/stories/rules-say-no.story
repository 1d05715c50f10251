# Every "no" has a rule and a reason.

at 10
image 1 lamp 3 #20 2.0.0 from:1.x from:>=1.9.0 hw:esp32 opens:20 closes:30
device lamp-1 lamp
connect lamp-1
explain lamp-1 3
    FAIL offered: no-offer (nothing is offered for this product and type)
offer 1
explain lamp-1 3
    pass offered
    pass product
    pass type
    FAIL reported: version-unknown (the device has not reported a version of this type)
    pass not-installed
    pass no-downgrade
    FAIL compatible: not-compatible (the update may not start from the device's version)
    pass through
    FAIL hardware: wrong-hardware (the image does not run on this hardware)
    FAIL window: too-early (the window has not opened yet)
    pass attempts
    pass penalty
    pass weight
    pass free
lamp-1 hello seq=1 boot=a hw=esp8266 types=1 3=0.9.0#9
    stored
    tell desired 1 []
explain lamp-1 3
    pass offered
    pass product
    FAIL type: type-not-supported (the device does not list this firmware type)
    pass reported
    pass not-installed
    pass no-downgrade
    FAIL compatible: not-compatible (the update may not start from the device's version)
    pass through
    FAIL hardware: wrong-hardware (the image does not run on this hardware)
    FAIL window: too-early (the window has not opened yet)
    pass attempts
    pass penalty
    pass weight
    pass free
at 20
lamp-1 hello seq=2 boot=a hw=ESP32 types=1,3 3=0.9.0#9
    stored
    tell desired 2 []
explain lamp-1 3
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
lamp-1 hello seq=3 boot=a hw=ESP32 types=1,3 3=1.4.0#10
    stored
    action 1: - -> offered [created]
    tell desired 3 [1: 3=2.0.0#20]
    tell Deploy action 1 attempt 1
explain lamp-1 3
    pass offered
    pass product
    pass type
    pass reported
    pass not-installed
    pass no-downgrade
    pass compatible
    pass through
    pass hardware
    pass window
    pass attempts
    pass penalty
    pass weight
    FAIL free: action-active (action 1 is under way for this type)
at 30
explain lamp-1 3
    pass offered
    pass product
    pass type
    pass reported
    pass not-installed
    pass no-downgrade
    pass compatible
    pass through
    pass hardware
    FAIL window: too-late (the window has closed)
    pass attempts
    pass penalty
    pass weight
    FAIL free: action-active (action 1 is under way for this type)
lamp-1 report seq=4 3=2.0.0#20
    stored
    action 1: offered -> succeeded [reported]
    tell desired 4 []
explain lamp-1 3
    pass offered
    pass product
    pass type
    pass reported
    FAIL not-installed: already-installed (the device runs this image)
    pass no-downgrade
    pass compatible
    pass through
    pass hardware
    FAIL window: too-late (the window has closed)
    pass attempts
    pass penalty
    pass weight
    pass free
lamp-1 report seq=5 3=3.0.0#30
    stored
explain lamp-1 3
    pass offered
    pass product
    pass type
    pass reported
    pass not-installed
    FAIL no-downgrade: downgrade (the device runs something newer)
    pass compatible
    pass through
    pass hardware
    FAIL window: too-late (the window has closed)
    pass attempts
    pass penalty
    pass weight
    pass free
