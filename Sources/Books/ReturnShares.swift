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

    func isCovered(_ refund: String) -> Bool { covered.values.contains { $0.contains(refund) } }
}

extension CasePlan {
    /// A return names the shop's refunds that give its money; one that names none is matched with the first refund that gives just as much for just
    /// the same units.
    func returnShares() -> ReturnShares {
        var out = ReturnShares()
        var nameless: [Told<GoodsReturn>] = []
        for back in returns where back.body.state == "closed" {
            let names = Set([back.body.refundRef].compactMap(\.self) + (back.body.settlement?.refunds.map(\.id) ?? []))
            let found = refunds.map(\.id).filter(names.contains)
            if found.isEmpty, back.body.refundRef == nil, back.body.settlement != nil {
                nameless.append(back)
            } else {
                share(back, found, &out)
            }
        }
        for back in nameless {
            let match = refunds.first { !out.named.contains($0.id) && isAlike($0.body, back.body) }
            if match == nil, policies.returnsOwner == .shop, let rival = rival(of: back.body, out) {
                (out.doubtful[back.id], out.doubtful[rival]) = (rival, back.id)
            }
            share(back, match.map { [$0.id] } ?? [], &out)
        }
        return out
    }

    private func share(_ back: Told<GoodsReturn>, _ found: [String], _ out: inout ReturnShares) {
        out.named.formUnion(found)
        let isMoneyless = back.body.settlement?.refunds.isEmpty ?? false
        let noMoney = refunds.allSatisfy { !found.contains($0.id) || $0.body.total.isZero }
        // The shop tells of no money, so the returns system's is the only word on what became of the value.
        let settlesAlone = isMoneyless && noMoney && (back.body.refundRef == nil || !found.isEmpty)
        guard back.body.settlement != nil, policies.returnsOwner == .rms || settlesAlone else {
            // The fees of each are kept once, from the first refund that it names.
            if let first = found.first { out.explained[first, default: []].append(back) }
            return
        }
        out.settling.insert(back.id)
        let free = found.filter { !out.isCovered($0) }
        if !free.isEmpty { out.covered[back.id] = free }
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

    /// A refund with money that no return names, of lines that came back with this one.
    private func rival(of back: GoodsReturn, _ known: ReturnShares) -> String? {
        guard back.settlement?.refunds.isEmpty ?? false else { return nil }
        let lines = Set(back.lines.map(\.line))
        return refunds.first { !known.named.contains($0.id) && !$0.body.total.isZero && !lines.isDisjoint(with: $0.body.lines.map(\.line)) }?.id
    }

    /// - Parameter other: the return, seen from the refund, and the other way round.
    static func doubt(_ id: String, _ other: String) -> Finding {
        Finding(
            check: "unbalanced", why: "\(id) and \(other) are of the same lines and of other sums: they may be one return told twice",
            remedy: "name the shop's refund in the returns system; where they are two, correct the one that is wrong", position: "total")
    }

    /// The returns system owns returns: a refund of the shop that no return gives is not booked twice and not lost from sight.
    mutating func holdForReturn(_ told: Told<Refund>, _ sale: Told<Sale>?) {
        let (refundedBefore, basesBefore, from) = (refunded, bases, postings.count)
        planRefund(told, sale)
        (refunded, bases) = (refundedBefore, basesBefore)
        let waits = Finding(
            check: "waits_for_original", why: "no return is known that gives refund \(told.id), and returns are the returns system's to tell",
            remedy: "close the return in the returns system; where there is none, let the shop own returns or enter the refund by hand")
        for i in from ..< postings.count { postings[i].findings = [waits] }
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
