# Without prefetch a device is told nothing before the window opens; with it, to fetch and not to install.
devices lamp-1..2 runs 1.0.0
image lamp 3 1.0.1
    201 image 1
lamp-1..2 connect
rollout {"name": "shut", "image": 1, "devices": ["lamp-1"], "start": true,
  "window": {"schedule": "$daily+6h", "duration": "01:00:00"}}
    201 rollout 1, shut: 1
rollout {"name": "ahead", "image": 1, "devices": ["lamp-2"], "start": true, "prefetch": true,
  "window": {"schedule": "$daily+10s", "duration": "01:00:00"}}
    201 rollout 2, ahead: 1
await show 1 has "1 active"
await show 2 has "1 active"
lamp-1..2 look
    lamp-1: is to run nothing
    lamp-2: is to run type 3 1.0.1 (download-only)
explain 1 lamp-1
    window-closed: action 1 waits for its maintenance window, which opens at T
explain 2 lamp-2
    window-closed: action 2 may be fetched and waits for its maintenance window, which opens at T
lamp-2 says downloaded
lamp-2 hears
    lamp-2: deploy
await lamp-2 looks has "type 3 1.0.1"
lamp-2 says success
lamp-2 reports 1.0.1
await show 2 has finished
lamp-1 looks
    lamp-1: is to run nothing
