internal import Kernel

/// A ledger document that stands for postings of many cases.
public struct GatheredPosting: Sendable, Equatable {
    public var plan: PlannedPosting
    /// What it stands for: postings of single orders, rows of a payout. Together they are the document.
    public var parts: [PlannedPosting]

    public init(plan: PlannedPosting, parts: [PlannedPosting]) {
        self.plan = plan
        self.parts = parts
    }
}

/// Policy `daily_summary`: the postings of one business day as one document. Balances are those of the single
/// documents; sales and refunds never net against each other, only the receivable does.
public enum Summaries {
    /// Families whose two sides are one line.
    static let netted: Set<String> = ["receivable"]
    static let forms: Set<PostingForm> = [.invoice, .creditNote, .payment, .refundPayment, .salesReceipt, .reversal]

    /// How a posting goes to the ledger: by the policy of its own day. What is no sale and no money of one goes by itself.
    public static func policy(of posting: PlannedPosting, _ policies: Policies) -> Policies.Posting {
        // What a closed period moved was posted by itself on its own day: the day it was moved to says nothing.
        guard forms.contains(posting.form) || posting.usesUpDeposit, !(posting.reference?.contains(PlannedPosting.movedMark) ?? false) else { return .perDocument }
        return policies.posting(on: posting.date)
    }

    /// The summaries of `parts`, which passed every check of their own. A day is summed up when it is over. `source` names
    /// them: `2026-11-01:shop`. `ledger` has the summaries that are posted.
    public static func plan(
        _ parts: [PlannedPosting], source: String, organisation: Organisation, policies: Policies, ledger: LedgerState
    ) -> [GatheredPosting] {
        struct Day: Hashable, Comparable {
            var date: LocalDate
            var currency: String
            static func < (a: Day, b: Day) -> Bool { (a.date, a.currency) < (b.date, b.currency) }
        }
        var days: [Day: [PlannedPosting]] = [:]
        for part in parts where part.effect == .post { days[Day(date: part.date, currency: part.currency.code), default: []].append(part) }
        var out: [GatheredPosting] = []
        for day in days.keys.sorted() {
            guard let currency = days[day]?.first?.currency else { continue }
            let subject = "\(day.date):\(source)" + (currency == organisation.baseCurrency ? "" : ":\(currency)")
            let due = organisation.zone.instant(of: day.date.adding(days: 1), secondOfDay: policies.dayCutOff)
            out += closing(days[day] ?? [], subject, day.date, ledger, policies).map { entry in
                var made = summary(entry.parts, subject: entry.subject, date: entry.date, reference: entry.words)
                made.plan.notBefore = ([due] + entry.parts.compactMap(\.notBefore)).max()
                return made
            }
        }
        return out
    }

    private typealias Sheet = (subject: String, parts: [PlannedPosting], date: LocalDate, words: String?)

    /// An open day is one sheet. Of a closed day what is posted stays as it is, and the rest are further sheets.
    private static func closing(
        _ parts: [PlannedPosting], _ subject: String, _ date: LocalDate, _ ledger: LedgerState, _ policies: Policies
    ) -> [Sheet] {
        guard ledger.isClosed(date) else { return [(subject, parts, date, nil)] }
        var left = parts
        var out: [Sheet] = []
        for n in 0 ..< 1_000 {
            let name = n == 0 ? subject : "\(subject)/late-\(n)"
            let id = PlannedPosting.Reference(form: .summary, subject: name)
            guard let posted = ledger.posted[id], !posted.voided else {
                // A closed day without any summary begins with late-1.
                if n == 0 { continue }
                guard !left.isEmpty, let lock = ledger.lockDate else { break }
                let moves = policies.closedPeriod != .hold
                out.append((name, left, moves ? lock.adding(days: 1) : date, moves ? "\(name), source date \(date)" : nil))
                break
            }
            // A further sheet of an open day takes what else is late.
            if n > 0, !ledger.isClosed(posted.plan.date) {
                if !left.isEmpty { out.append((name, left, posted.plan.date, posted.plan.reference)) }
                break
            }
            let known = Set(posted.plan.covers)
            // It stands here for one of its documents, whatever it stands for beside: somewhere else it would stand twice.
            let used = Set(posted.plan.lines.filter { $0.role == "customer_deposits" }.flatMap(\.derivedFrom))
            let mine = left.filter { part in
                // What uses a deposit up is of the sale, but may be told after it: it is where its own lines are.
                part.usesUpDeposit ? part.lines.contains { !used.isDisjoint(with: $0.derivedFrom) } : !known.isDisjoint(with: part.covers)
            }
            left.removeAll { part in mine.contains { $0.id == part.id } }
            if !mine.isEmpty { out.append((name, mine, posted.plan.date, posted.plan.reference)) }
        }
        return out
    }

    private static func summary(_ parts: [PlannedPosting], subject: String, date: LocalDate, reference: String?) -> GatheredPosting {
        var sum = Gathering(netted: netted, namesOpenOnly: ["receivable"])
        var covers: [String] = []
        var seen: Set<String> = []
        var memo: [String: Money] = [:]
        for part in parts {
            sum.add(part)
            for id in part.covers where seen.insert(id).inserted { covers.append(id) }
            for (name, amount) in part.memo { memo[name] = memo[name].map { $0 + amount } ?? amount }
        }
        let lines = sum.lines
        let currency = parts[0].currency
        let rates = Set(parts.map(\.rate))
        return GatheredPosting(
            plan: PlannedPosting(
                subject: subject, form: .summary, caseID: subject, covers: covers, date: date, currency: currency,
                rate: rates.count == 1 ? parts[0].rate : nil,
                total: lines.map(\.amount).filter { $0.minor > 0 }.total(currency), lines: lines, party: "shop",
                reference: reference, memo: memo),
            parts: parts)
    }
}
