# A rollout does not take a device from something of more weight; it comes again later.

image 1 lamp 3 #2 1.0.1
image 2 lamp 3 #3 1.0.2
device a lamp
terms weight:500
deploy 1 to a
terms weight:400
roll out 2 to a
terms weight:500
roll out 2 to a
