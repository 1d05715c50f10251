# With prefetch a device may fetch what it installs in the window.
devices lamp-1 runs 1.0.0
image lamp 3 1.0.1
    201 image 1
rollout {"name": "night", "image": 1, "product": "lamp", "start": true, "prefetch": true,
  "window": {"schedule": "$daily+10s", "duration": "01:00:00"}}
    201 rollout 1, night: 1
await show 1 has "1 active"
lamp-1 asks
    lamp-1: bApp 1.0.1: download forced, update skip, window unavailable
explain 1 lamp-1
    window-closed: action 1 may be fetched and waits for its maintenance window, which opens at T
lamp-1 fetches
lamp-1 has fetched
await lamp-1 asks has available
await lamp-1 asks has "update forced"
lamp-1 asks
    lamp-1: bApp 1.0.1: download forced, update forced, window available
lamp-1 succeeds
await list has finished
show 1
    finished
    wave 1 finished: 1 succeeded
