# An operator may make a soft action press; one that presses already stays as it is.

image 1 lamp 3 #2 1.0.1
device lamp-1 lamp
terms soft
deploy 1 to lamp-1
    lamp-1: action 1: - -> queued [created]
lamp-1 poll
    stored
    action 1: queued -> offered [told]
force 1
    stored
    action 1: offered -> offered [forced]
force 1
    repeated
lamp-1 ddi 1 success
    stored
    action 1: offered -> succeeded [said Closed(Success)]
force 1
    rejected action-finished: the action has ended
# To fetch only is another thing than to press.
device lamp-2 lamp
terms download-only
deploy 1 to lamp-2
    lamp-2: action 2: - -> queued [created]
force 2
    repeated
device lamp-3 lamp
terms from:2026-09-01T00:00:00Z
deploy 1 to lamp-3
    lamp-3: action 3: - -> queued [created]
force 3
    stored
    action 3: queued -> queued [forced]
force 3
    repeated
