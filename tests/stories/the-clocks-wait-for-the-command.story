# Nobody is waited for before the command: while somebody has to agree, or the window is shut, no clock runs.

image 1 lamp 3 #2 1.0.1
device a lamp
connect a
a hello seq=1 boot=a 3=#1
    stored
    tell desired 1 []
terms consent first:60
deploy 1 to a
    a: action 1: - -> queued unconfirmed [created]
at 600
tick
a confirms 1
    stored
    action 1: queued -> offered [confirmed]
    tell desired 2 [1: 3=1.0.1#2]
    tell Deploy action 1 attempt 1
at 659
tick
at 660
tick
    stored
    action 1: offered -> timed-out [timed out: no sign within 1 h of the command, still offered]
    tell desired 3 []
    tell Cancel action 1 attempt 1
# What a device fetched before the window opened is no step: the clock begins with the opening.
at 2026-09-01T00:00:00Z
terms window:0_0_3_*_9_?_2026 first:15 step:15 total:30
device b lamp
deploy 1 to b
    b: action 2: - -> queued [created]
b poll
    stored
    action 2: queued -> offered [told]
b retrieved 2
    stored
    action 2: offered -> accepted [retrieved]
b ddi 2 downloaded
    stored
    action 2: accepted -> downloaded [said Downloaded]
at 2026-09-01T03:00:00Z
tick
opened 2
    stored
    action 2: downloaded -> downloaded []
at 2026-09-01T03:14:59Z
tick
b ddi 2 proceeding
    stored
    action 2: downloaded -> installing [said Proceeding]
at 2026-09-01T03:29:59Z
tick
    stored
    action 2: installing -> timed-out [timed out: still installing after 15 min]
at 2026-09-01T03:30:00Z
tick
# A window that shuts takes the command back from a device that has not begun to install.
at 2026-09-01T03:50:00Z
device c lamp
deploy 1 to c
    c: action 3: - -> queued [created]
c poll
    stored
    action 3: queued -> offered [told]
at 2026-09-01T04:00:00Z
opened 3
    stored
    action 3: offered -> offered []
at 2026-09-01T04:10:00Z
tick
at 2026-09-02T03:00:00Z
opened 3
    stored
    action 3: offered -> offered []
at 2026-09-02T03:14:59Z
tick
at 2026-09-02T03:15:00Z
tick
    stored
    action 3: offered -> timed-out [timed out: no sign within 15 min of the command, still offered]
