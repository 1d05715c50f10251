# Nobody is in the first wave, and the second one begins.
devices lamp-1..2 runs 1.0.0 region=eu
image lamp 3 1.0.1
rollout {"name": "spring", "image": 1, "product": "lamp", "start": true,
  "waves": [{"name": "moon", "filter": "attribute.region==moon"}, {"rest": true}]}
await show 1 has "2 active"
show 1
lamp-1..2 succeed
await list has finished
show 1
