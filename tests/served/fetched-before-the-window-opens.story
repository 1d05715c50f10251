# With prefetch a device may fetch what it installs in the window.
devices lamp-1 runs 1.0.0
image lamp 3 1.0.1
rollout {"name": "night", "image": 1, "product": "lamp", "start": true, "prefetch": true,
  "window": {"schedule": "$daily+6s", "duration": "01:00:00"}}
await show 1 has "1 active"
lamp-1 asks
explain 1 lamp-1
lamp-1 fetches
lamp-1 has fetched
await lamp-1 asks has available
await lamp-1 asks has "update forced"
lamp-1 asks
lamp-1 succeeds
await list has finished
show 1
