# A device with a session is told when the window opens; a lapsed window ends the action when the device asks.

image 1 lamp 3 #2 1.0.1
device lamp-1 lamp
connect lamp-1
lamp-1 hello seq=1 3=1.0.0
    stored
    tell desired 1 []
at 2026-09-01T00:00:00Z
terms window:0_0_3_1_9_?_2026
deploy 1 to lamp-1
    lamp-1: action 1: - -> queued [created]
lamp-1 get
    stored
    tell desired 2 []
opened 1
    stored
at 2026-09-01T03:00:00Z
opened 1
    stored
    action 1: queued -> offered [told]
    tell desired 3 [1: 3=1.0.1#2]
    tell Deploy action 1 attempt 1
lamp-1 get
    stored
    tell desired 4 [1: 3=1.0.1#2]
    tell Deploy action 1 attempt 1
# A device without a session may read and fetch before; its door says that it is not to install yet.
at 2026-09-01T00:00:00Z
device lamp-2 lamp
deploy 1 to lamp-2
    lamp-2: action 2: - -> queued [created]
lamp-2 poll
    stored
    action 2: queued -> offered [told]
lamp-2 retrieved 2
    stored
    action 2: offered -> accepted [retrieved]
lamp-2 fetches 2 image.bin
    stored
    action 2: accepted -> downloading [fetching]
at 2026-09-01T03:59:59Z
lamp-2 poll
    stored
at 2026-09-01T04:00:00Z
lamp-2 poll
    stored
    action 2: downloading -> downloading cancelling [cancel asked]
stands lamp-2
    Pending: assigned image 1, installed nothing, attributes wanted
lamp-2 ddi 2 success
    stored
    action 2: downloading -> succeeded [said Closed(Success)]
lamp-2 answer 2 success
    rejected no-cancel-pending: no cancel is pending
    action 2: succeeded -> succeeded [drift Closed(Success)]
stands lamp-2
    InSync: assigned image 1, installed image 1, attributes wanted
# One that was never read ends at once.
at 2026-09-01T00:00:00Z
device lamp-3 lamp
deploy 1 to lamp-3
    lamp-3: action 3: - -> queued [created]
at 2026-09-01T04:00:00Z
lamp-3 poll
    stored
    action 3: queued -> cancelled [cancel asked]
