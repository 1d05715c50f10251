# What may be fetched while the window is shut is told at once; the word to install comes when it opens.

image 1 lamp 3 #2 1.0.1
device a lamp
connect a
a hello seq=1 boot=a 3=#1
    stored
    tell desired 1 []
at 2026-09-01T00:00:00Z
terms prefetch first:15 step:15 window:0_0_3_*_9_?_2026
deploy 1 to a
    a: action 1: - -> offered [created]
    a: tell desired 2 [1: 3=1.0.1#2]
    a: tell Deploy action 1 attempt 1
a fb 1 download
    stored
    action 1: offered -> downloading [said Download]
a fb 1 downloaded
    stored
    action 1: downloading -> downloaded [said Downloaded]
tick
a get
    stored
    tell desired 3 [1: 3=1.0.1#2]
at 2026-09-01T03:00:00Z
opened 1
    stored
    action 1: downloaded -> downloaded []
    tell desired 4 [1: 3=1.0.1#2]
    tell Deploy action 1 attempt 1
opened 1
    stored
at 2026-09-01T03:10:00Z
a fb 1 success
    stored
    action 1: downloaded -> verifying [said Closed(Success)]
a report seq=2 3=#2
    stored
    action 1: verifying -> succeeded [reported]
    tell desired 5 []
# Who sleeps through the opening is told when it comes back; a window that shuts before is no reason to do it again.
device b lamp
connect b
b hello seq=1 boot=a 3=#1
    stored
    tell desired 1 []
deploy 1 to b
    b: action 2: - -> offered [created]
    b: tell desired 2 [2: 3=1.0.1#2]
    b: tell Deploy action 2 attempt 1
drop b
at 2026-09-01T04:00:00Z
opened 2
    stored
    action 2: offered -> offered []
connect b
b get
    stored
    tell desired 3 [2: 3=1.0.1#2]
    tell Deploy action 2 attempt 1
b fb 2 downloaded
    stored
    action 2: offered -> downloaded [said Downloaded]
at 2026-09-02T03:00:00Z
opened 2
    stored
    action 2: downloaded -> downloaded []
    tell desired 4 [2: 3=1.0.1#2]
    tell Deploy action 2 attempt 1
# Without consent nothing is fetched either.
at 2026-09-02T12:00:00Z
terms prefetch consent window:0_0_3_*_9_?_2026
deploy 1 to b
    b: action 2: downloaded -> superseded [superseded]
    b: action 3: - -> queued unconfirmed [created]
    b: tell desired 5 []
b confirms 3
    stored
    action 3: queued -> offered [confirmed]
    tell desired 6 [3: 3=1.0.1#2]
    tell Deploy action 3 attempt 1
