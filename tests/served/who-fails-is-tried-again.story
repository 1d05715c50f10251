# Two tries, a second apart; the third failure counts.
devices lamp-1..2 runs 1.0.0
image lamp 3 1.0.1
rollout {"name": "spring", "image": 1, "product": "lamp", "start": true, "retries": {"limit": 2, "backoff_s": 1}}
await show 1 has "2 active"
lamp-1..2 fail
lamp-1 succeeds
lamp-2 fails
lamp-2 fails
await list has finished
show 1
members 1
explain 1 lamp-2
