# Until its back-off is over it is put off.
devices lamp-1 runs 1.0.0
image lamp 3 1.0.1
    201 image 1
rollout {"name": "spring", "image": 1, "product": "lamp", "start": true, "retries": {"limit": 1, "backoff_s": 3600}}
    201 rollout 1, spring: 1
lamp-1 fails
await show 1 has deferred
show 1
    running
    wave 1 running: 1 deferred
explain 1 lamp-1
    retry: try 1 of 2 ended as failed (reported by the device); the next one begins at T
