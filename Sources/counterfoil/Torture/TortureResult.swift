internal import Kernel
internal import Sandbox
internal import Wire

/// What became of a run.
struct TortureResult {
    var trial: Trial
    /// Ledger documents that the day had to lead to, or to hold.
    var documents: Int
    /// The judge's, from the twins' books and the entries written before the day.
    var verdict: JSON
    /// Held though not planted, planted though not held.
    var surprises: [String]
    var tally: Tally.State
    /// What befell requests, aimed and by chance.
    var fates: JSON
    var took: Duration

    /// Longest time in which work has to go on after a fault.
    static let resumeSecondsMost = 60.0

    private func number(_ key: String) -> Int { verdict[key]?.int ?? -1 }

    var lost: Int { number("lost") }
    var doubled: Int { number("doubled") }
    /// Sums of a day, or document by document, whichever sees more.
    var unexplained: Int { max(number("unexplained_minor"), number("apart_minor")) }
    /// Documents that are there and should not be, or that differ from what they should be.
    private var wrong: Int { number("unexpected") + number("altered") }
    var missing: [String] { tally.hits.missing(trial.schedule.requiredPairs) }

    var resumeP99: Double {
        let sorted = tally.resumes.map(\.seconds).sorted()
        guard !sorted.isEmpty else { return 0 }
        return sorted[max(0, (sorted.count * 99 + 99) / 100 - 1)]
    }

    var isClean: Bool {
        lost == 0 && doubled == 0 && unexplained == 0 && wrong == 0 && surprises.isEmpty && missing.isEmpty && tally.violations.isEmpty
            && resumeP99 <= Self.resumeSecondsMost
    }

    var json: JSON {
        func number(_ n: Int) -> JSON { .number("\(n)") }
        let faults = TortureFault.allCases.map { (key: $0.rawValue, value: number(tally.faults[$0] ?? 0)) }
        let hits = tally.hits.rows.map { row -> (key: String, value: JSON) in
            let counts = zip(ProtocolPoint.allCases, row.counts).compactMap { point, count in count.map { (key: point.rawValue, value: number($0)) } }
            return (row.fault.rawValue, .object(counts))
        }
        return .object([
            ("documents", number(documents)), ("faults", .object(faults)), ("kills", number(tally.kills)), ("hits", .object(hits)), ("lost", number(lost)),
            ("doubled", number(doubled)), ("unexplained_minor", number(unexplained)), ("held_unexpected", number(surprises.count)),
            ("resume_p99_s", .number(Self.tenths(resumeP99))), ("seed", .number("\(trial.seed)")), ("seconds", number(Int(took.components.seconds))),
            ("broken_walls", number(tally.violations.count)), ("pairs_missed", .array(missing.map { .string($0) })),
        ])
    }

    /// Rounded up, so that a bar is never passed by rounding.
    private static func tenths(_ seconds: Double) -> String {
        let n = Int((seconds * 10).rounded(.up))
        return "\(n / 10).\(n % 10)"
    }

    var table: String {
        var out = "\n" + "fault".padded(to: 18) + ProtocolPoint.allCases.map { $0.rawValue.paddedLeft(to: 15) }.joined() + "\n"
        for row in tally.hits.rows {
            out += row.fault.rawValue.padded(to: 18) + row.counts.map { ($0.map { "\($0)" } ?? "-").paddedLeft(to: 15) }.joined() + "\n"
        }
        let others = TortureFault.allCases.filter(\.points.isEmpty).map { "\($0.rawValue) \(tally.faults[$0] ?? 0)" }
        out += "\n" + others.joined(separator: ", ") + "\nby chance and aim: " + (fates.object ?? []).map { "\($0.key) \($0.value.text)" }.joined(separator: ", ")
        out += "\n\n\(documents) documents: lost \(lost), doubled \(doubled), unexplained \(unexplained), wrong \(wrong), held that should not be or the reverse \(surprises.count)"
        out += "\nwork went on within \(Self.tenths(resumeP99)) s (99 of 100), \(tally.resumes.count) times; \(tally.kills) kills; seed \(trial.seed); \(took.components.seconds) s"
        let slowest = tally.resumes.sorted { $0.seconds > $1.seconds }.prefix(3).map { "\(Self.tenths($0.seconds)) s after \($0.after)" }
        if !slowest.isEmpty { out += "\nslowest: " + slowest.joined(separator: "; ") }
        for text in tally.violations { out += "\nBROKEN WALL: \(text)" }
        if !missing.isEmpty { out += "\nNEVER HIT: " + missing.joined(separator: ", ") }
        if !surprises.isEmpty { out += "\nthe held set is not what the day planted:\n  " + surprises.prefix(20).joined(separator: "\n  ") }
        for key in ["lost_list", "doubled_list", "unexpected_list", "altered_list", "differences"] {
            let list = verdict[key]?.array ?? []
            if !list.isEmpty { out += "\n\(key): " + list.prefix(5).map(\.text).joined(separator: " ") }
        }
        return out
    }
}
