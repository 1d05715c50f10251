# Until its back-off is over it is put off.
devices lamp-1 runs 1.0.0
image lamp 3 1.0.1
rollout {"name": "spring", "image": 1, "product": "lamp", "start": true, "retries": {"limit": 1, "backoff_s": 3600}}
lamp-1 fails
await show 1 has deferred
show 1
explain 1 lamp-1
