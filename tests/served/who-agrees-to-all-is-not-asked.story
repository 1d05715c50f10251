# One device agrees to everything beforehand.
setting user.confirmation.flow.enabled true
devices lamp-1..2 runs 1.0.0
image lamp 3 1.0.1
lamp-1 agrees always
rollout {"name": "spring", "image": 1, "product": "lamp", "start": true, "consent": true}
await show 1 has "2 active"
lamp-1..2 ask
lamp-2 agrees always
lamp-2 asks
lamp-1..2 succeed
await list has finished
