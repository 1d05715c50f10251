# Nobody is waited for before the command: while somebody has to agree, or the window is shut, no clock runs.

image 1 lamp 3 #2 1.0.1
device a lamp
connect a
a hello seq=1 boot=a 3=#1
terms consent first:60
deploy 1 to a
at 600
tick
a confirms 1
at 659
tick
at 660
tick
# What a device fetched before the window opened is no step: the clock begins with the opening.
at 2026-09-01T00:00:00Z
terms window:0_0_3_*_9_?_2026 first:15 step:15 total:30
device b lamp
deploy 1 to b
b poll
b retrieved 2
b ddi 2 downloaded
at 2026-09-01T03:00:00Z
tick
opened 2
at 2026-09-01T03:14:59Z
tick
b ddi 2 proceeding
at 2026-09-01T03:29:59Z
tick
at 2026-09-01T03:30:00Z
tick
# A window that shuts takes the command back from a device that has not begun to install.
device c lamp
deploy 1 to c
c poll
opened 3
at 2026-09-01T03:44:00Z
tick
at 2026-09-01T04:00:00Z
