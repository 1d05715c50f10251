# A rollout does not take a device from something of more weight; it comes again later.

image 1 lamp 3 #2 1.0.1
image 2 lamp 3 #3 1.0.2
device a lamp
terms weight:500
deploy 1 to a
    a: action 1: - -> queued [created]
terms weight:400
roll out 2 to a
    a: held outweighed: action 1 is under way and weighs more
terms weight:500
roll out 2 to a
    a: action 1: queued -> superseded [superseded]
    a: action 2: - -> queued [created]
