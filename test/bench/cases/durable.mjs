// What is compared where a record has to be on the disk.
import { extra, ratio, short, standardColumns, verdict } from "../report.mjs"

const perRecord = `
  A record costs about 10 microseconds of CPU time, half of which is the fiber that waits, is woken and goes on; the plain group
  commit hands a ready line over to a callback. On a disk that syncs in a fifth of a millisecond, that is more than the disk
  takes. Tried: waits without cancellers, one clock for all deadlines, no Schedule for each batch; together they halved it. The
  slowest hundredth waits for pauses of the garbage collector.`

const durable = {
  title: "Durable events",
  work: "durable",
  columns: [
    ...standardColumns("record"),
    { head: "p50 ms", key: "p50", show: short },
    { head: "p99 ms", key: "p99", show: short }
  ],
  contestants: {
    loop: { name: "write and fdatasync, one by one" },
    plain32: { name: "group commit in plain promises, 32" },
    made32: { name: "the same, each makes its line with `JSON.stringify`" },
    require32: { name: "`require`, chain, 32 fibers" },
    plain64: { name: "group commit in plain promises, 64" },
    unchained64: { name: "`require`, 64 fibers" },
    require64: { name: "`require`, chain, 64 fibers" },
    sealed64: { name: "`require`, chain and seals, 64 fibers" },
    plain512: { name: "group commit in plain promises, 512" },
    made512: { name: "the same, each makes its line with `JSON.stringify`" },
    require512: { name: "`require`, chain, 512 fibers" }
  },
  targets: ({ loop, plain32, require32, require64, plain512, require512 }) => [
    {
      what: "Durable and chained (`require`), 64 fibers, against writing and syncing one by one",
      of: "records/s",
      measured: ratio(require64, loop, "rate"),
      atLeast: 20,
      why: perRecord
    },
    ...against("32", require32, plain32, 0.75),
    ...against("512", require512, plain512, 0.7)
  ],
  meaning: ({ loop, plain512, made32, made512, require32, unchained64, require64, sealed64, require512 }) => `
    64 fibers, each of which adds its next event when the last one is durable, share each fsync. Chained they get
    ${verdict(require64, loop, "record")}, compared with a loop that writes one line of that length and calls \`fdatasync\`. The
    chain itself costs ${extra(require64, unchained64)} a record, and seals, one in 1,000 records, ${extra(sealed64, require64)}.
    The group commit in plain promises takes a line that is ready, writes what waits at once and calls \`fsync\`: no Effect, no
    event, no chain. At 512 \`require\` gives ${verdict(require512, plain512, "record")}, compared with that. Where each of its lines is
    made with \`JSON.stringify\`, \`require\` gives ${verdict(require512, made512, "record")}, and at 32
    ${verdict(require32, made32, "record")}. The milliseconds are the time from
    adding a record to its acknowledgement.`
}

const against = (fibers, mine, plain, atLeast) => [
  {
    what: `Durable and chained (\`require\`), ${fibers} fibers, against the same group commit in plain promises`,
    of: "records/s",
    measured: ratio(mine, plain, "rate"),
    atLeast,
    why: perRecord
  },
  {
    what: `The acknowledgements of \`require\`, ${fibers} fibers, against those of that group commit`,
    of: "p99",
    measured: ratio(mine, plain, "p99"),
    atMost: 2,
    why: perRecord
  }
]

const verified = {
  title: "Reading a chain back",
  work: "verified",
  columns: standardColumns("record"),
  contestants: { hash: { name: "SHA-256 of each line" }, verifier: { name: "`AuditChain.verifier`" } },
  meaning: ({ hash, verifier }) => `
    Verifying a chain with its signatures gives ${verdict(verifier, hash, "record")}, compared with nothing but the SHA-256 of
    each line in memory. \`registrar audit verify\` reads the files as well.`
}

export const cases = () => [durable, verified]
