internal import Kernel
internal import Store
internal import Wire

/// What follows from a worker that crashed or hung: the job it had in hand is tried again with fewer rows, until the row that does it is alone and can be held;
/// a job without rows of its own is left alone after a few times. The tenant's other jobs never wait. Pure.
enum CrashRules {
    /// Crashes in a row, none of them with one row in hand, after which a job is left alone.
    static let crashesMost = 3
    /// With rows named: enough to get from a thousand to one and then some; after it the job is left alone all the same.
    static let narrowingsMost = 16
    /// Rows that were alone in hand at a crash, the last of them.
    static let aloneMost = 32
    static let quarantine = Duration.seconds(6 * 3600)

    /// - items: the rows in hand when it happened.
    /// - canHold: whether a row alone may be held; `false` when that was tried in vain.
    static func settle(_ job: JobName, _ before: Suspicion, _ items: [String], stuck: Bool, canHold: Bool) -> CrashSettlement {
        let crashes = before.crashes + 1
        // Once alone in hand it may have been by chance: a worker can end of something else.
        let isKnown = items.count == 1 && before.items.contains(items[0])
        if isKnown, before.batch == 1, canHold { return held(items[0], of: job, before, stuck) }
        if !items.isEmpty, crashes < narrowingsMost, items.count > 1 || before.batch != 1 || !isKnown {
            let alone = items.count == 1 && !isKnown ? Array((before.items + items).suffix(aloneMost)) : before.items
            let again = Suspicion(crashes: crashes, batch: max(1, items.count / 2), items: alone)
            return CrashSettlement(suspicion: again, putOff: .milliseconds(200 << min(crashes, 4)), fault: crash(job, items, stuck).asJSON)
        }
        guard crashes >= (items.count > 1 ? narrowingsMost : crashesMost) else {
            let again = Suspicion(crashes: crashes, batch: before.batch, items: before.items)
            return CrashSettlement(suspicion: again, putOff: .seconds(1 << min(crashes, 5)), fault: crash(job, items, stuck).asJSON)
        }
        let fault = Fault(
            "job_quarantined", stage: .worker, disposition: .hold,
            summary: "the worker \(verb(stuck)) \(crashes) times in a row in the midst of the job \(job): it is left alone for six hours, the tenant's other jobs go on",
            remedy: "Report it. Releasing the job tries it again at once.")
        let alert = AlertRow(key: "quarantined/\(job)", severity: .critical, cause: fault.summary, remedy: fault.remedy)
        return CrashSettlement(
            suspicion: Suspicion(crashes: crashes, batch: before.batch, quarantined: quarantine, items: before.items), putOff: quarantine, fault: fault.asJSON,
            alert: alert)
    }

    /// The row is held. One by one from here on, until the job has come to an end: where one is, there may be more.
    private static func held(_ item: String, of job: JobName, _ before: Suspicion, _ stuck: Bool) -> CrashSettlement {
        let fault = Fault(
            "document_quarantined", stage: .worker, disposition: .hold, summary: "the worker \(verb(stuck)) when it had only \(item) in hand: it is held, the others go on",
            remedy: "Report it with its number; have it delivered or planned again once the program was mended.", position: item)
        let alert = AlertRow(key: AlertKey.documentQuarantined(String(item.prefix { $0 != " " })), severity: .critical, cause: fault.summary, remedy: fault.remedy)
        let others = Suspicion(crashes: 0, batch: 1, items: before.items.filter { $0 != item })
        return CrashSettlement(suspicion: others, hold: item, putOff: .zero, fault: fault.asJSON, alert: alert)
    }

    private static func verb(_ stuck: Bool) -> String { stuck ? "hung" : "crashed" }

    private static func crash(_ job: JobName, _ items: [String], _ stuck: Bool) -> Fault {
        let position = items.count == 1 ? items[0] : items.isEmpty ? nil : "one of \(items.count) rows"
        if stuck {
            return Fault("worker_hung", stage: .worker, disposition: .retry, summary: "the worker hung in the midst of the job \(job)", position: position)
        }
        return Fault("worker_crashed", stage: .worker, disposition: .retry, summary: "the worker crashed in the midst of the job \(job)", position: position)
    }
}

extension Fault {
    /// As kept in `fault` columns.
    fileprivate var asJSON: [UInt8] {
        var members: [(key: String, value: JSON)] = [
            ("code", .string(code)), ("stage", .string(stage.rawValue)), ("disposition", .string(disposition.rawValue)), ("summary", .string(summary)),
        ]
        if !remedy.isEmpty { members.append(("remedy", .string(remedy))) }
        if let position { members.append(("position", .string(position))) }
        return JSON.object(members).bytes
    }
}
