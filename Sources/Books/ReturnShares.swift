internal import Kernel

/// Which of the shop's word and the returns system's is the credit note, return by return. Follows from the whole case, so that it does not matter
/// which came first.
struct ReturnShares {
    /// The shop's refund, and the returns that explain it.
    var explained: [String: [Told<GoodsReturn>]] = [:]
    /// A return that is a credit note, and the shop's refunds that say nothing beyond it.
    var covered: [String: [String]] = [:]
    /// Returns that are credit notes.
    var settling: Set<String> = []
    /// The shop's refunds that a closed return gives, whether they carry its fees or not.
    var named: Set<String> = []
    /// A return that gave no money and the shop's refund of the same lines that did, each by the other's id: one thing told differently, or two.
    var doubtful: [String: String] = [:]
    /// The shop's refunds of other sums than the returns that settle them: what each side says was given.
    var differing: [String: (shop: Money, returned: Money)] = [:]
    /// Of each of the shop's refunds, the closed returns that are about it.
    var givers: [String: [Told<GoodsReturn>]] = [:]

    /// The shop's refunds that stay the credit notes though a returns system that owns returns settles what they gave: they, or others of the same
    /// returns, stand in the ledger on the shop's word.
    var kept: Set<String> = []

    /// Returns whose own credit note or money is in the ledger, and those that share a refund of the shop with them: they stay the credit notes, whoever
    /// owns returns by now.
    private var bound: Set<String> = []
    /// Returns that would be credit notes, did the shop's not stand already.
    private var overruled: Set<String> = []
    private let refunds: [Told<Refund>]
    private let owner: Policies.ReturnsOwner
    private let standing: Set<String>

    func isCovered(_ refund: String) -> Bool { covered.values.contains { $0.contains(refund) } }

    /// A return names the shop's refunds that give its money; one that names none is matched with the first refund that gives just as much for just
    /// the same units.
    /// - Parameter standing: the shop's refunds, and the returns, whose credit note or money is in the ledger. What went out on one's word stays that one's:
    ///   to void it and post the other's instead are two writes, of which a closed period or a refusal lets one stand beside the other.
    init(_ returns: [Told<GoodsReturn>] = [], of refunds: [Told<Refund>] = [], owner: Policies.ReturnsOwner = .shop, standing: Set<String> = []) {
        self.refunds = refunds
        self.owner = owner
        self.standing = standing
        var nameless: [Told<GoodsReturn>] = []
        let closed = returns.filter { $0.body.state == "closed" }
        keep(closed)
        bind(closed)
        for back in closed {
            let found = refundsNamed(by: back)
            if found.isEmpty, back.body.refundRef == nil, back.body.settlement != nil {
                nameless.append(back)
            } else {
                share(back, found)
            }
        }
        // What stands has the first choice: that it went out is known, of others it is not.
        for back in nameless.filter({ bound.contains($0.id) }) + nameless.filter({ !bound.contains($0.id) }) {
            let match = refunds.first { !named.contains($0.id) && isAlike($0.body, back.body) }
            if let match, standing.contains(match.id) { kept.insert(match.id) }
            if match == nil, let rival = rival(of: back) { (doubtful[back.id], doubtful[rival]) = (rival, back.id) }
            share(back, match.map { [$0.id] } ?? [])
        }
        compare()
    }

    private func refundsNamed(by back: Told<GoodsReturn>) -> [String] {
        let names = Set([back.body.refundRef].compactMap(\.self) + (back.body.settlement?.refunds.map(\.id) ?? []))
        return refunds.map(\.id).filter(names.contains)
    }

    /// With a refund all that its returns give, and with these their other returns: a credit note that stands can't be split between two words.
    private mutating func keep(_ closed: [Told<GoodsReturn>]) {
        let groups = closed.map { Set(refundsNamed(by: $0)) }
        var size = -1
        while kept.count != size {
            size = kept.count
            for group in groups where !group.isDisjoint(with: kept.union(standing)) { kept.formUnion(group) }
        }
    }

    /// With a return that stands all that share a refund with it: what one refund of the shop gives can't be told by two.
    private mutating func bind(_ closed: [Told<GoodsReturn>]) {
        let groups = closed.filter { $0.body.settlement != nil }.map { (id: $0.id, refunds: Set(refundsNamed(by: $0))) }
        bound = Set(groups.filter { standing.contains($0.id) && $0.refunds.isDisjoint(with: kept) }.map(\.id))
        var size = -1
        while bound.count != size {
            size = bound.count
            let theirs = groups.filter { bound.contains($0.id) }.reduce(into: Set<String>()) { $0.formUnion($1.refunds) }
            bound.formUnion(groups.filter { !$0.refunds.isDisjoint(with: theirs) }.map(\.id))
        }
    }

    private mutating func share(_ back: Told<GoodsReturn>, _ found: [String]) {
        named.formUnion(found)
        for refund in found { givers[refund, default: []].append(back) }
        let isMoneyless = back.body.settlement?.refunds.isEmpty ?? false
        let noMoney = refunds.allSatisfy { !found.contains($0.id) || $0.body.total.isZero }
        // The shop tells of no money, so the returns system's is the only word on what became of the value.
        let settlesAlone = isMoneyless && noMoney && (back.body.refundRef == nil || !found.isEmpty)
        let wouldSettle = back.body.settlement != nil && (owner == .rms || settlesAlone || bound.contains(back.id))
        guard wouldSettle, kept.isDisjoint(with: found) else {
            if wouldSettle { overruled.insert(back.id) }
            // The fees of each are kept once, from the first refund that it names, or that stands.
            if let first = found.first(where: standing.contains) ?? found.first { explained[first, default: []].append(back) }
            return
        }
        settling.insert(back.id)
        let free = found.filter { !isCovered($0) }
        if !free.isEmpty { covered[back.id] = free }
    }

    /// What a return settles and the shop tells of as well must be one sum. Returns that share a refund, and refunds that share a return, are compared
    /// together; where the sums differ, no refund of them is covered.
    private mutating func compare() {
        var groups: [(returns: [Told<GoodsReturn>], refunds: [Told<Refund>])] = []
        for refund in refunds where isCovered(refund.id) || isOverruled(refund.id) {
            let mine = givers[refund.id] ?? []
            let isShared = { (group: [Told<GoodsReturn>]) in group.contains { other in mine.contains { $0.id == other.id } } }
            var group = (returns: mine, refunds: [refund])
            for known in groups where isShared(known.returns) {
                group.returns += known.returns.filter { other in !group.returns.contains { $0.id == other.id } }
                group.refunds += known.refunds
            }
            groups.removeAll { isShared($0.returns) }
            groups.append(group)
        }
        for group in groups {
            let currency = group.refunds[0].body.currency
            guard let returned = Self.returned(group.returns, by: group.refunds), group.refunds.allSatisfy({ $0.body.currency == currency }) else { continue }
            let shop = group.refunds.map(\.body.total).total(currency)
            let pending = group.refunds.flatMap(\.body.transactions).filter { $0.status == .pending || $0.status == .authorised }.map(\.amount).total(currency)
            // Shops tell of store credit as of a refund, or not at all. Where the shop's word stands, credit that it does not tell of is in no books.
            let isKept = group.refunds.contains { kept.contains($0.id) }
            let believed = isKept ? [returned.money + returned.credit] : [returned.money, returned.money + returned.credit]
            if believed.contains(shop) || believed.contains(shop + pending) { continue }
            for refund in group.refunds {
                differing[refund.id] = (shop, returned.money + returned.credit)
                for (back, covers) in covered { covered[back] = covers.filter { $0 != refund.id } }
            }
        }
        covered = covered.filter { !$0.value.isEmpty }
    }

    private func isOverruled(_ refund: String) -> Bool {
        let backs = givers[refund] ?? []
        return backs.allSatisfy { $0.body.settlement != nil } && backs.contains { overruled.contains($0.id) }
    }

    /// What returns say of just these refunds of the shop; where one of them is named as a whole alone, all that they gave. `nil`: in other currencies.
    private static func returned(_ returns: [Told<GoodsReturn>], by refunds: [Told<Refund>]) -> (money: Money, credit: Money)? {
        let currency = refunds[0].body.currency, how = returns.compactMap(\.body.settlement)
        guard how.allSatisfy({ $0.total.currency == currency }) else { return nil }
        let ids = Set(refunds.map(\.id)), movements = how.flatMap(\.refunds)
        let areNamed = ids.isSubset(of: movements.map(\.id))
        let money = movements.filter { !areNamed || ids.contains($0.id) }.map(\.amount).total(currency)
        return (money, how.map(\.storeCredit).total(currency))
    }

    private func isAlike(_ refund: Refund, _ back: GoodsReturn) -> Bool {
        guard let how = back.settlement, how.total.currency == refund.currency else { return false }
        // Shops tell of store credit as of a refund.
        let money = how.refunds.map(\.amount).total(refund.currency)
        guard refund.total == money || refund.total == money + how.storeCredit else { return false }
        var given: [String: ExactDecimal] = [:], returned: [String: ExactDecimal] = [:]
        for line in refund.lines { given[line.line] = (given[line.line] ?? .zero) + line.quantity }
        for line in back.lines { returned[line.line] = (returned[line.line] ?? .zero) + line.quantity }
        return given == returned || (given.isEmpty && !refund.total.isZero)
    }

    /// A refund with money that no return names, of lines that came back with this one: beside a return without money, or posted before a return that
    /// would be posted as well.
    private func rival(of told: Told<GoodsReturn>) -> String? {
        let back = told.body
        guard owner == .rms || bound.contains(told.id) || (back.settlement?.refunds.isEmpty ?? false) else { return nil }
        let lines = Set(back.lines.map(\.line))
        return refunds.first {
            !named.contains($0.id) && !$0.body.total.isZero && (owner == .shop || standing.contains($0.id)) && !lines.isDisjoint(with: $0.body.lines.map(\.line))
        }?.id
    }
}

extension CasePlan {
    /// - Parameter other: the return, seen from the refund, and the other way round.
    static func doubt(_ id: String, _ other: String) -> Finding {
        Finding(
            check: "unbalanced", why: "\(id) and \(other) are of the same lines and of other sums: they may be one return told twice",
            remedy: "name the shop's refund in the returns system; where they are two, correct the one that is wrong", position: "total")
    }

    /// The shop's refunds, the returns and the edits of which a credit note or money is in the ledger, with what they are worth.
    var standing: Set<String> {
        var out: Set<String> = []
        for id in Set(ledger.posted.keys).union(ledger.within.keys).union(ledger.inHand) {
            guard ledger.inHand.contains(id) || ledger.standing(id).map({ !$0.plan.total.isZero }) ?? false else { continue }
            let parts = id.subject.split(separator: "/", maxSplits: 1).map(String.init)
            switch id.form {
            case .creditNote, .refundPayment: out.formUnion(parts.prefix(1))
            case .reversal: out.formUnion(parts.suffix(1))
            // Money given back before the sale counted.
            case .deposit where ledger.standing(id)?.plan.givesBack ?? false: out.formUnion(parts.prefix(1))
            default: break
            }
        }
        return out
    }

    /// The ledger has a refund as the shop told it, and a return that would be the credit note says another sum: neither is booked beside the other. What
    /// is as it was posted is no posting to hold, so the return is shown by one of nothing.
    mutating func holdDiffering() {
        for told in refunds {
            guard shares.kept.contains(told.id), let sums = shares.differing[told.id] else { continue }
            let finding = differs(told.id, sums.shop, sums.returned, stands: true)
            let at = postings.firstIndex { $0.id == reference(.creditNote, told.id) }
            if let at { postings[at].findings.insert(finding, at: 0) }
            let isShown = at.map { ledger.action(for: postings[$0]) != .unchanged } ?? false
            guard !isShown, let back = shares.givers[told.id]?.first else { continue }
            let id = reference(.creditNote, back.id)
            if postings.contains(where: { $0.id == id }) || ledger.posted[id] != nil { continue }
            postings.append(
                PlannedPosting(
                    subject: back.id, form: .creditNote, caseID: caseID, covers: [back.id], date: day(back.at), currency: told.body.currency,
                    rate: rate(told.body.currency), total: .zero(told.body.currency), lines: [], party: party, appliesTo: saleReference, findings: [finding]))
        }
    }

    /// The returns system owns returns: what keeps a refund of the shop that no return gives, or that one gives with another sum, from being booked twice.
    func unlessReturned(_ told: Told<Refund>, _ standing: Set<String>) -> Finding? {
        let isKept = shares.kept.contains(told.id)
        if let sums = shares.differing[told.id], !(isKept && standing.contains(told.id)) { return differs(told.id, sums.shop, sums.returned, stands: false) }
        guard policies.returnsOwner == .rms, shares.explained[told.id] == nil, !isKept else { return nil }
        return Finding(
            check: "waits_for_return", why: "no return is known that gives refund \(told.id), and returns are the returns system's to tell",
            remedy: "close the return in the returns system; where there is none, let the shop own returns or enter the refund by hand")
    }

    /// Such a refund is not lost from sight.
    mutating func holdForReturn(_ told: Told<Refund>, _ sale: Told<Sale>?, _ finding: Finding) {
        let (refundedBefore, basesBefore, from) = (refunded, bases, postings.count)
        planRefund(told, sale)
        (refunded, bases) = (refundedBefore, basesBefore)
        let follows = Finding(check: "waits_for_original", why: "refund \(told.id) is held by \(finding.check)", remedy: "released with it")
        for i in from ..< postings.count { postings[i].findings = [i == from ? finding : follows] }
        guard postings.count == from else { return }
        // Of nothing at all there is no part to plan.
        postings.append(
            PlannedPosting(
                subject: told.id, form: .creditNote, caseID: caseID, covers: [told.id], date: day(told.at), currency: told.body.currency,
                rate: rate(told.body.currency), total: .zero(told.body.currency), lines: [], party: party, appliesTo: saleReference, findings: [finding]))
    }

    /// - Parameter stands: the ledger has the shop's word.
    private func differs(_ id: String, _ shop: Money, _ returned: Money, stands: Bool) -> Finding {
        let backs = (shares.givers[id] ?? []).map(\.id).joined(separator: ", ")
        let books = stands ? "the ledger has refund \(id) as the shop told it" : "\(backs) is posted as the returns system tells it"
        return Finding(
            check: "unbalanced", why: "the shop gave \(shop.text) by refund \(id), its return (\(backs)) says \(returned.text)",
            remedy: "correct whichever is wrong, in the shop or in the returns system: \(books), and \(stands ? "explained by it" : "released") when both agree",
            position: "total", figures: ["shop": shop, "returned": returned])
    }

    /// Without the order the parts of a return have only its own total to agree with.
    func addsUp(_ draft: inout CreditDraft) {
        let parts = draft.lines.map(\.amount).total(draft.refund.currency)
        guard parts != draft.refund.total else { return }
        draft.findings.append(
            Finding(
                check: "unbalanced", why: "the parts of \(draft.id) come to \(parts.text), it is worth \(draft.refund.total.text)",
                remedy: "check the return in the returns system, and whether it states what each line is worth", position: "total",
                figures: ["stated": draft.refund.total, "computed": parts]))
    }
}
