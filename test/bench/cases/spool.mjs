// What a remote sink does to those who wait for the local one.
import { ratio, short, standardColumns } from "../report.mjs"

const times = (mine, base) => ratio(mine, base, "p99").middle.toFixed(2)

const tenPerCent = (what, mine, base) => ({
  what: `A remote sink that hangs, ${what}: 64 fibers, \`require\``,
  of: "p99 of the acknowledgements",
  measured: ratio(mine, base, "p99"),
  atMost: 1.1
})

const spool = {
  title: "A remote sink beside a local file",
  work: "spool",
  columns: [
    ...standardColumns("record"),
    { head: "p50 ms", key: "p50", show: short },
    { head: "p99 ms", key: "p99", show: short, ratio: true }
  ],
  contestants: {
    file: { name: "the file alone" },
    bestEffortAnswers: { name: "the file, and `bestEffort` of a remote sink that answers" },
    bestEffortHangs: { name: "the same, it hangs" },
    twoFiles: { name: "two files" },
    answers: { name: "the file, and a spool in front of a remote sink that answers" },
    hangs: { name: "the same, it hangs" },
    fails: { name: "the same, it fails" },
    spoolHangs: { name: "the spool alone, it hangs" }
  },
  targets: ({ file, bestEffortHangs, answers, hangs }) => [
    tenPerCent("behind a spool beside a file, against one that answers", hangs, answers),
    tenPerCent("with `bestEffort` beside a file, against the file alone", bestEffortHangs, file)
  ],
  meaning: ({ file, bestEffortAnswers, bestEffortHangs, twoFiles, answers, hangs, fails, spoolHangs }) => `
    Each fiber adds its next event when the last one is durable in all that it has to be durable in; all files are chained. Behind a spool, a remote
    sink that hangs makes the slowest hundredth of the acknowledgements ${times(hangs, answers)} times as slow as one that answers at once,
    and one that fails ${times(fails, answers)} times. The one that answers is given all records in this process, which reads them from the spool
    for that; beside two files, where nothing is forwarded, it is ${times(hangs, twoFiles)} times. The spool is a second file with an
    fsync of its own, and so the file with a spool is ${times(hangs, file)} times as slow as the file alone; the spool alone is
    ${times(spoolHangs, file)} times. With \`bestEffort\`, which waits for nothing, the remote sink that hangs makes it
    ${times(bestEffortHangs, file)} times the file alone, and one that answers ${times(bestEffortAnswers, file)} times.`
}

export const cases = () => [spool]
