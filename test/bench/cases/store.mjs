// What is compared where records go into a database.
import { extra, ratio, short, standardColumns, verdict } from "../report.mjs"

const loops = "a loop of `INSERT`"

const contestants = {
  insert: { name: `${loops}, 1,000 rows each` },
  sink: { name: "`AuditSink/Sql`, 1,000 records in a batch" },
  log: { name: "`AuditLog.add` and `flush` into that sink" },
  insert100: { name: `${loops}, 100 rows each` },
  sink100: { name: "`AuditSink/Sql`, 100 records in a batch" }
}

const target = (database, { insert, sink }) => ({
  what: `\`AuditSink/Sql\` into ${database}, 1,000 records in a batch, against a loop of \`INSERT\` of the same rows`,
  of: "records/s",
  measured: ratio(sink, insert, "rate"),
  atLeast: 0.7
})

const shared = `
  The rows are the same, and so are the tables with their indexes and triggers, and what a commit waits for. The loop is given rows
  that are ready; the sink is given records, which it links, hashes and turns into rows, and it moves the head of the chain in
  the same commit.`

const sqlite = {
  title: "Records into SQLite",
  work: "sqlite",
  columns: standardColumns("record"),
  contestants,
  targets: (measured) => [target("SQLite", measured)],
  meaning: ({ insert, sink, log, insert100, sink100 }) => `
    ${shared} It gives ${verdict(sink, insert, "record")}, ${extra(sink, insert)} a record, and in batches of 100
    ${verdict(sink100, insert100, "record")}. From \`AuditLog.add\` on, with making the records, which are others, it is
    ${verdict(log, insert, "record")}. SQLite works in this process, and syncs with each commit.`
}

const postgres = {
  title: "Records into PostgreSQL",
  work: "postgres",
  needs: "postgres",
  columns: [
    ...standardColumns("record"),
    { head: "CPU µs per record, server", key: "server", show: short, ratio: true }
  ],
  contestants: { ...contestants, prepared: { name: `${loops}, prepared, 1,000 rows each` } },
  targets: (measured) => [target("PostgreSQL", measured)],
  meaning: ({ insert, prepared, sink, log, insert100, sink100 }) => `
    ${shared} It gives ${verdict(sink, insert, "record")}, ${extra(sink, insert)} a record, and in batches of 100
    ${verdict(sink100, insert100, "record")}. A statement of 10,000 parameters takes the server a while to read; where the loop
    prepares it, the sink, which hands over a list for each column, gives ${verdict(sink, prepared, "record")}. From
    \`AuditLog.add\` on, with making the records, which are others, it is ${verdict(log, insert, "record")}. CPU time is that of this
    process; that of all processes of the server, with its checkpoints, stands beside.`
}

export const cases = () => [sqlite, postgres]
