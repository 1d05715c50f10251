# Three updates in a row that a device did not come up with: standing offers and rollouts leave it alone for an hour.

image 1 lamp 3 #2 1.0.1
image 2 lamp 3 #3 1.0.2
image 3 lamp 3 #4 1.0.3
device a lamp
connect a
offer 1
a hello seq=1 boot=a 3=#1
a fb 1 success
a hello seq=1 boot=b 3=#1
# A failure that the device reports itself neither counts nor begins anew.
a fb 2 failure
offer 2
a fb 3 success
a hello seq=1 boot=c 3=#1
terms step:5
deploy 1 to a
a fb 5 success
at 5
tick
a report seq=2 3=#1
explain a 3
offer 3
roll out 3 to a
# What an operator orders goes through, and a failure more doubles the hour.
deploy 3 to a
a fb 6 success
at 10
tick
a report seq=3 3=#1
at 129
roll out 2 to a
at 130
roll out 2 to a
# A success ends it.
a fb 7 success
a report seq=4 3=#3
explain a 3
