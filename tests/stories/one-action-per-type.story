# A newer order takes the place of what is under way; a standing offer waits.

image 1 lamp 3 #2 1.0.1
image 2 lamp 3 #3 1.0.2
device lamp-1 lamp
connect lamp-1
lamp-1 hello seq=1 boot=a 3=#1
    stored
    tell desired 1 []
offer 1
    lamp-1: action 1: - -> offered [created]
    lamp-1: tell desired 2 [1: 3=1.0.1#2]
    lamp-1: tell Deploy action 1 attempt 1
deploy 2 to lamp-1
    lamp-1: action 1: offered -> superseded [superseded]
    lamp-1: action 2: - -> offered [created]
    lamp-1: tell desired 3 [2: 3=1.0.2#3]
    lamp-1: tell Deploy action 2 attempt 1
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
    FAIL free: action-active (action 2 is under way for this type)
lamp-1 fb 1 downloaded
    rejected action-finished: the action has ended
    action 1: superseded -> superseded [drift Downloaded]
lamp-1 fb 2 success
    stored
    action 2: offered -> verifying [said Closed(Success)]
lamp-1 hello seq=1 boot=b 3=#3
    stored
    action 2: verifying -> succeeded [reported]
    tell desired 4 []
# Another device's action looks like none at all.
device lamp-2 lamp
lamp-2 fb 2 success
    rejected no-such-action: there is no action 2 for this device
lamp-2 attr 7 42
    stored
lamp-2 hello seq=1 boot=a product=toaster
    rejected wrong-product: the device says it is a toaster and is registered as a lamp
show lamp-2
    attribute 7: 42
    refused: the device says it is a toaster and is registered as a lamp
