// Makes each server of the sharded profile a replica set of one, unless it is one, and waits until it takes writes.
for (const [set, host, configsvr] of [
  ["config", "config-server:27017", true],
  ["shard-a", "shard-a:27017", false],
  ["shard-b", "shard-b:27017", false],
]) {
  const admin = connect(`mongodb://${host}/admin?directConnection=true`)
  try {
    admin.adminCommand({ replSetGetStatus: 1 })
  } catch (error) {
    const members = [{ _id: 0, host }]
    admin.adminCommand({ replSetInitiate: configsvr ? { _id: set, configsvr, members } : { _id: set, members } })
  }
  for (let tries = 0; !admin.hello().isWritablePrimary; tries++) {
    if (tries === 60) throw new Error(`${set} has no primary after 30 s`)
    sleep(500)
  }
  print(`${set} takes writes`)
}
