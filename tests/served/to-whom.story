# By list, by product, by filter over what is known of devices.
devices lamp-1..2 product lamp runs 1.0.0 region=eu
devices lamp-3 product lamp runs 1.1.0
devices lamp-4 product lamp
devices kettle-1 product kettle runs 1.0.0
image lamp 3 1.2.0
rollout {"name": "list", "image": 1, "devices": ["lamp-1", "lamp-4"]}
rollout {"name": "product", "image": 1, "product": "lamp"}
rollout {"name": "filter", "image": 1, "filter": "attribute.region==eu,id==lamp-3"}
rollout {"name": "version", "image": 1, "filter": "product==lamp;version.3==1.0.0"}
members 1
members 2
members 3
members 4
