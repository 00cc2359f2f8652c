// Adds the shards and spreads shop.orders over them; what is there already stays as it is.
for (const name of ["shard-a", "shard-b"]) sh.addShard(`${name}/${name}:27017`)
sh.enableSharding("shop")
if (!db.getSiblingDB("config").collections.findOne({ _id: "shop.orders" })) {
  sh.shardCollection("shop.orders", { _id: "hashed" })
}
print("shop.orders lies on both shards")
