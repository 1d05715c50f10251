# Where the tenant has it so, a device that was told of an action is asked to let it go before the next.

asks before it closes
image 1 lamp 3 #2 1.0.1
image 2 lamp 3 #3 1.0.2
image 3 lamp 3 #4 1.0.3
device lamp-1 lamp
deploy 1 to lamp-1
    lamp-1: action 1: - -> queued [created]
# It has not heard of the first.
deploy 2 to lamp-1
    lamp-1: action 1: queued -> superseded [superseded]
    lamp-1: action 2: - -> queued [created]
lamp-1 poll
    stored
    action 2: queued -> offered [told]
deploy 3 to lamp-1
    lamp-1: action 2: offered -> offered cancelling [superseded]
    lamp-1: action 3: - -> queued [created]
lamp-1 poll
    stored
    action 3: queued -> offered [told]
lamp-1 answer 2 success
    stored
    action 2: offered -> cancelled [answered Closed(Success)]
lamp-1 fb 3 success
    stored
    action 3: offered -> succeeded [said Closed(Success)]
