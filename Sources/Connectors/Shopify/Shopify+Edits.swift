internal import Books
internal import Kernel

/// An order's edits: what the order was before them, and a note for each.
struct OrderEdits {
    let order: OrderRecord
    let edits: [AgreementRecord]
    /// Units and value that edits took off lines, by line.
    private(set) var removedUnits: [String: Int] = [:]

    init(_ order: OrderRecord, _ edits: [AgreementRecord]) {
        self.order = order
        self.edits = edits
        for entry in edits.flatMap(\.entries) where entry.removes {
            if let line = entry.line { removedUnits[line, default: 0] += entry.units }
        }
    }

    /// The order as it was placed: lines and units that edits added are taken out again.
    func placed(_ fields: Fields) throws(Fault) -> OrderRecord {
        var placed = order
        let added = edits.flatMap(\.entries).filter { !$0.removes }
        let charges = Set(added.filter { $0.line == nil }.compactMap(\.shippingLine))
        placed.shipping.removeAll { charges.contains($0.id) }
        placed.lines = []
        for line in order.lines {
            let own = added.filter { $0.line == line.id }
            let units = own.map(\.units).reduce(0, +)
            if own.isEmpty {
                placed.lines.append(line)
            } else if units < line.quantity {
                placed.lines.append(try without(own, units, line, fields))
            }
        }
        return placed
    }

    private func without(
        _ added: [AgreementRecord.Entry], _ units: Int, _ line: LineRecord, _ fields: Fields
    ) throws(Fault) -> LineRecord {
        var left = line
        left.quantity = line.quantity - units
        left.gross = try fields.times(line.unit, left.quantity, "lineItems")
        let net = line.net - added.map { self.net($0) }.total(order.side.currency)
        left.discount = left.gross - net
        let stated = line.taxes.map(\.amount).total(order.side.currency) - added.map(\.tax).total(order.side.currency)
        let shares = Allocation.shares(of: stated.minor, weights: line.taxes.map { max(0, $0.amount.minor) })
        for i in shares.indices { left.taxes[i].amount = Money(minor: shares[i], order.side.currency) }
        return left
    }

    /// As lines state it: with tax where prices contain it.
    private func net(_ entry: AgreementRecord.Entry) -> Money {
        order.taxIncluded ? entry.total : entry.total - entry.tax
    }

    /// What each edit did to the order's total.
    func value(_ edit: AgreementRecord) -> Money { edit.entries.map(\.total).total(order.side.currency) }

    /// One note per edit that sold or took back anything. `money` is what was given back because of it, by edit id.
    func notes(
        _ documents: OrderDocuments, money: [String: [MoneyMovement]], _ fields: Fields
    ) throws(Fault) -> [SourceDocument] {
        var total = order.total
        var splits: [String: TaxSplit] = [:]
        var notes: [SourceDocument] = []
        for (index, edit) in edits.enumerated() where !edit.entries.isEmpty {
            total += value(edit)
            var note = SaleEdit(added: [], removed: [], orderTotal: total, transactions: money[edit.id] ?? [])
            for entry in edit.entries {
                guard let id = entry.line else { continue }
                guard let line = order.lines.first(where: { $0.id == id }) else {
                    throw fields.unreadable("agreements", "a list of sales of the order's own lines (line \(id))")
                }
                if entry.removes {
                    note.removed.append(removal(entry, line, documents, &splits))
                } else {
                    note.added.append(try addition(entry, line, documents, fields))
                }
            }
            let version = edit.at.microseconds + note.transactions.map { VersionRank.of($0.status) }.reduce(0, +)
            notes.append(
                SourceDocument(
                    id: "\(order.id)-edit-\(index + 1)", caseID: order.id, version: version, at: edit.at,
                    body: .edit(note)))
        }
        return notes
    }

    private func addition(
        _ entry: AgreementRecord.Entry, _ line: LineRecord, _ documents: OrderDocuments, _ fields: Fields
    ) throws(Fault) -> SaleLine {
        let gross = try fields.times(line.unit, entry.units, "agreements")
        let net = self.net(entry)
        var taxes = documents.parts(
            line.taxes, amounts: Allocation.shares(of: entry.tax, weights: line.taxes.map(\.amount)))
        if taxes.isEmpty, !entry.tax.isZero { taxes = [TaxPart(jurisdiction: nil, rate: nil, amount: entry.tax)] }
        return SaleLine(
            id: line.id, sku: line.sku, title: line.title, quantity: ExactDecimal(entry.units), gross: gross,
            discount: gross - net, net: net, taxes: taxes, giftCard: line.giftCard)
    }

    private func removal(
        _ entry: AgreementRecord.Entry, _ line: LineRecord, _ documents: OrderDocuments,
        _ splits: inout [String: TaxSplit]
    ) -> RemovedUnits {
        var split = splits[line.id] ?? TaxSplit(line.taxes, quantity: line.quantity)
        let shares = split.take(entry.units, stated: entry.tax.magnitude)
        splits[line.id] = split
        var taxes = documents.parts(line.taxes, amounts: shares.amounts)
        if taxes.isEmpty, !entry.tax.isZero {
            taxes = [TaxPart(jurisdiction: nil, rate: nil, amount: entry.tax.magnitude)]
        }
        return RemovedUnits(line: line.id, quantity: ExactDecimal(entry.units), net: net(entry).magnitude, taxes: taxes)
    }

    /// The taxes of the units that edits left on each line, for refunds to take from.
    func remainingTaxes() -> [String: TaxSplit] {
        var splits: [String: TaxSplit] = [:]
        for line in order.lines { splits[line.id] = TaxSplit(line.taxes, quantity: line.quantity) }
        for entry in edits.flatMap(\.entries) where entry.removes {
            if let line = entry.line { _ = splits[line]?.take(entry.units, stated: entry.tax.magnitude) }
        }
        return splits.mapValues(\.rest)
    }
}

extension OrderEdits {
    /// Refunds that only carry out an edit: the shop writes one for units taken off an order, and one for the money
    /// given back.
    /// - Source: microsoft/BCApps pull requests 7447 and 10462 (order edits show as refunds of the removed units).
    struct Carried {
        /// Money by edit id.
        var money: [String: [MoneyMovement]] = [:]
        /// Ids of the refunds that are no refunds of their own.
        var refunds: Set<String> = []
    }

    func carried(_ refunds: [RefundRecord]) -> Carried {
        var carried = Carried()
        var due: [String: Int64] = [:]
        for edit in edits { due[edit.id] = -value(edit).minor }
        var twice = unitsToldTwice(refunds)
        for refund in refunds {
            let before = edits.filter { $0.at <= refund.at && $0.entries.contains(where: \.removes) }
            guard let latest = before.last else { continue }
            if !refund.lines.isEmpty, !refund.refundsShipping {
                var units: [String: Int] = [:]
                for line in refund.lines { units[line.line, default: 0] += line.quantity }
                guard units.allSatisfy({ twice[$0.key, default: 0] >= $0.value && $0.value > 0 }) else { continue }
                for (line, count) in units { twice[line, default: 0] -= count }
                let edit =
                    before.last { edit in edit.entries.contains { $0.removes && units[$0.line ?? ""] != nil } }
                    ?? latest
                carried.add(refund, to: edit.id, &due)
            } else if refund.lines.isEmpty, !refund.refundsShipping, !refund.moved.isZero {
                let exact = before.last { due[$0.id, default: 0] == refund.moved.minor }
                let open = refund.adjustments.allSatisfy(\.pending) ? before.last { due[$0.id, default: 0] > 0 } : nil
                guard let edit = exact ?? open else { continue }
                carried.add(refund, to: edit.id, &due)
            }
        }
        return carried
    }

    /// Units that both an edit and a refund took off a line, which lost them only once.
    private func unitsToldTwice(_ refunds: [RefundRecord]) -> [String: Int] {
        var refunded: [String: Int] = [:]
        for line in refunds.flatMap(\.lines) { refunded[line.line, default: 0] += line.quantity }
        var out: [String: Int] = [:]
        for line in order.lines {
            guard let current = line.current, let removed = removedUnits[line.id] else { continue }
            out[line.id] = removed + refunded[line.id, default: 0] - (line.quantity - current)
        }
        return out
    }
}

extension OrderEdits.Carried {
    fileprivate mutating func add(_ refund: RefundRecord, to edit: String, _ due: inout [String: Int64]) {
        refunds.insert(refund.id)
        money[edit, default: []] += refund.movements
        due[edit, default: 0] -= refund.moved.minor
    }
}
