# Two tries, a second apart; the third failure counts.
devices lamp-1..2 runs 1.0.0
image lamp 3 1.0.1
    201 image 1
rollout {"name": "spring", "image": 1, "product": "lamp", "start": true, "retries": {"limit": 2, "backoff_s": 1}}
    201 rollout 1, spring: 2
await show 1 has "2 active"
lamp-1..2 fail
lamp-1 succeeds
lamp-2 fails
lamp-2 fails
await list has finished
show 1
    finished
    wave 1 finished: 1 succeeded, 1 failed
members 1
    wave 1: lamp-1 succeeded (try 2), lamp-2 failed (try 3)
explain 1 lamp-2
    failed: action 5, the last of 3 tries, failed: reported by the device
