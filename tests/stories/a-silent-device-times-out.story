# Three clocks: to the first sign, at each step, in total. All count from the command, whether or not the device is there.

image 1 lamp 3 #2 1.0.1
terms first:1440 step:60 total:4320
device a lamp
device b lamp
device c lamp
connect a
connect b
a hello seq=1 boot=a 3=#1
b hello seq=1 boot=a 3=#1
deploy 1 to a b c
# No sign. Who was told is asked to stop, in case it still hears it; who never came is told nothing.
at 1439
tick
b fb 2 proceeding
at 1440
tick
stands a
# The step clock: it begins anew with each state, and what does not move the state does not move it.
at 1450
b fb 2 proceeding progress=1/4
at 1498
b fb 2 download
at 1557
b fb 2 download progress=2/4
tick
at 1558
tick
# What it says after that is refused, and what it reports is believed.
b fb 2 success
b report seq=2 3=#2
stands b

# Silence after "success" is a failure.
at 0
image 2 lamp 3 #3 1.0.2
deploy 2 to b
b fb 4 success
at 60
tick
show b

# In total, however busy it is.
at 0
terms total:90
deploy 1 to a
at 30
a fb 5 download
at 60
a fb 5 downloaded
at 89
a fb 5 proceeding
tick
at 90
tick

# A cancel under way stops the clocks: it has an end of its own. Refused, it sets them going again.
at 0
terms total:9
deploy 1 to a
cancel 6
at 9
tick
a fb 6 rejected
tick
