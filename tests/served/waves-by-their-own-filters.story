# A wave may have a filter of its own; a part is then a part of those that match.
devices lamp-1..4 runs 1.0.0 region=eu
devices lamp-5..6 runs 1.0.0 region=us
image lamp 3 1.0.1
    201 image 1
rollout {"name": "regions", "image": 1, "product": "lamp", "start": true,
  "waves": [{"name": "half of eu", "filter": "attribute.region==eu", "percent": 50}, {"name": "us", "filter": "attribute.region==us"}, {"rest": true}]}
    201 rollout 1, regions: 2 + 2 + 2
2 of wave 1.1 succeed
2 of wave 1.2 succeed
2 of wave 1.3 succeed
await list has finished
members 1
    half of eu: lamp-2 succeeded, lamp-4 succeeded
    us: lamp-5 succeeded, lamp-6 succeeded
    wave 3: lamp-1 succeeded, lamp-3 succeeded
