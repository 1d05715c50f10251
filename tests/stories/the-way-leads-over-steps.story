# Versions that must be passed through are a path: the steps are brought first, one after the other.

image 1 lamp 3 #1 1.0.0
image 2 lamp 3 #2 2.0.0
image 3 lamp 3 #3 3.0.0 from:2.x
image 4 lamp 3 #4 4.0.0 through:2.0.0 through:3.0.0 from:3.x
device a lamp
connect a
offer 4
a hello seq=1 boot=a 3=#1
explain a 3
a report seq=2 3=#2
explain a 3
a report seq=3 3=#3
a report seq=4 3=#4

# A deployment knows where it leads.
withdraw lamp 3
device b lamp
connect b
b hello seq=1 boot=a 3=#1
deploy 4 to b
stands b
b fb 4 success
b hello seq=1 boot=b 3=#2
b fb 5 success
b hello seq=1 boot=c 3=#3
b fb 6 success
b hello seq=1 boot=d 3=#4
stands b

# A step that fails ends the way, and so does a step that is called off although the device came up with it.
device c lamp
connect c
c hello seq=1 boot=a 3=#1
deploy 4 to c
c fb 7 failure code=7
stands c
deploy 4 to c
cancel 8
c report seq=2 3=#2
stands c
# Whoever agrees to the first step agrees to where it leads.
terms consent
deploy 4 to c
c confirms 10
c report seq=3 3=#3
# A step may have steps of its own; nobody walks who never says where it is, and what is only fetched leads nowhere.
terms forced
image 5 lamp 3 #5 5.0.0 through:4.0.0
device d lamp
connect d
d hello seq=1 boot=a 3=#1
deploy 5 to d
device e lamp
deploy 5 to e
terms download-only
deploy 4 to c

# Names without an order are passed in the order of the list, and nothing goes round in circles.
terms forced
image 6 lamp 7 #1 anton
image 7 lamp 7 #2 berta
image 8 lamp 7 #3 caesar through:anton through:berta
image 9 lamp 7 #4 dora through:emil
image 10 lamp 7 #5 emil through:dora
device f lamp
connect f
f hello seq=1 boot=a 7=old
deploy 8 to f
f report seq=2 7=anton
f report seq=3 7=berta
f report seq=4 7=caesar
deploy 9 to f downgrade
