internal import Books
internal import Kernel
internal import Wire

/// Payouts, deposits, bank lines and stock.
extension EventReader {
    mutating func payout() -> Event.Effect? {
        let status = json["status"]?.string.map { Payout.Status(rawValue: $0) } ?? .paid
        if status == nil { problems.malformed("\(id): status is not one of a payout") }
        let rows: [PayoutRow] = (json["rows"]?.array ?? []).compactMap { row in
            problems.keys(
                row, of: "payout row",
                known: ["id", "type", "ref", "amount", "fee", "net", "at", "original_amount", "original_currency", "exchange_rate"])
            guard let kind = row["type"]?.string.flatMap({ PayoutRow.Kind(rawValue: $0) }) else {
                problems.unsupported("payout row \(row["type"]?.string ?? "?")")
                return nil
            }
            var original: Money?
            if let text = row["original_amount"]?.string {
                original = row["original_currency"]?.string.flatMap { Currency($0) }.flatMap { Money(text, $0) }
                if original == nil { problems.malformed("\(id): original_amount is not an amount") }
            }
            return PayoutRow(
                id: text("id", in: row), kind: kind, ref: row["ref"]?.string, amount: money(row["amount"], "amount"),
                fee: money(row["fee"], "fee"), net: money(row["net"], "net"),
                at: row["at"]?.string.flatMap { Timestamp(rfc3339: $0) }, original: original)
        }
        return document(
            case: id,
            .payout(
                Payout(
                    gateway: text("gateway"), amount: money(json["amount"], "amount"), status: status ?? .paid, rows: rows,
                    rate: json["rate"]?["value"]?.decimal)))
    }

    mutating func dispute() -> Event.Effect? {
        document(
            case: json["order"]?.string ?? id,
            .dispute(
                Dispute(
                    payment: text("payment"), amount: money(json["amount"], "amount"), status: text("status"),
                    reason: json["reason"]?.string)))
    }

    mutating func deposit() -> Event.Effect? {
        document(
            case: json["job"]?.string ?? id,
            .deposit(
                Deposit(
                    gateway: text("gateway"), amount: money(json["amount"], "amount"), customer: json["customer"]?.string ?? "house")))
    }

    mutating func applied() -> [DepositApplied] {
        (json["deposit_applied"]?.array ?? []).map { entry in
            problems.keys(entry, of: "deposit_applied", known: ["id", "deposit", "amount"])
            return DepositApplied(id: text("id", in: entry), deposit: text("deposit", in: entry), amount: money(entry["amount"], "amount"))
        }
    }

    mutating func bankLine() -> Event.Effect? {
        document(
            case: id,
            .bankLine(BankLine(account: text("account"), amount: money(json["amount"], "amount"), reference: text("reference"))))
    }

    mutating func expiry() -> Event.Effect? {
        document(case: id, .giftCardExpiry(GiftCardExpiry(card: text("card"), amount: money(json["amount"], "amount"))))
    }

    mutating func fulfilment() -> Event.Effect? {
        let lines = (json["lines"]?.array ?? []).map { line in
            Fulfilment.Line(line: text("line", in: line), quantity: decimal(line["qty"], "qty"))
        }
        return document(case: text("order"), .fulfilment(Fulfilment(lines: lines)))
    }

    mutating func stock() -> Event.Effect? {
        guard let kind = json["kind"]?.string.flatMap({ StockMovement.Kind(rawValue: $0) }), let currency = json["currency"]?.string.flatMap({ Currency($0) })
        else {
            problems.unsupported("stock.kind \(json["kind"]?.string ?? "?")")
            return nil
        }
        var lines: [StockMovement.Line] = []
        for line in json["lines"]?.array ?? [] {
            problems.keys(line, of: "stock line", known: ["id", "sku", "qty", "unit_cost", "value"])
            lines.append(
                StockMovement.Line(
                    id: text("id", in: line), sku: text("sku", in: line), quantity: decimal(line["qty"], "qty"), value: money(line["value"], "value")))
        }
        if lines.isEmpty {
            let quantity = decimal(kind == .count ? json["difference"] : json["qty"], "qty")
            lines = [StockMovement.Line(id: "", sku: text("sku"), quantity: quantity, value: optionalMoney(json["value"], "value"))]
        }
        return document(
            case: id, .stock(StockMovement(kind: kind, currency: currency, lines: lines, reasonCode: json["reason_code"]?.string)))
    }

    mutating func landedCost() -> Event.Effect? {
        let amount = money(json["amount"], "amount")
        return document(
            case: id,
            .stock(StockMovement(kind: .landedCost, currency: amount.currency, lines: [], receipt: text("receipt"), amount: amount)))
    }

    /// Why a sale carries no tax of ours.
    mutating func relief() -> TaxRelief? {
        guard let name = json["tax_treatment"]?.string else { return nil }
        guard let kind = TaxRelief.Kind(rawValue: name) else {
            problems.unsupported("tax_treatment \(name)")
            return nil
        }
        return TaxRelief(
            kind: kind, customerNumber: json["customer_tax_number"]?.string, dueFromCustomer: optionalMoney(json["memo_tax"]?["amount"], "memo_tax"),
            evidence: json["export_evidence"]?.string)
    }

    mutating func duties() -> [Duty] {
        let entries = json["duties"]?.array ?? (json["duties"]?.object == nil ? [] : [json["duties"] ?? .null])
        return entries.map { duty in
            problems.keys(duty, of: "duties", known: ["id", "amount", "jurisdiction"])
            return Duty(id: text("id", in: duty), amount: money(duty["amount"], "duty"), jurisdiction: duty["jurisdiction"]?.string)
        }
    }

    /// How a returns system settles a return without a refund of the shop.
    mutating func settlement() -> ReturnSettlement? {
        guard json["pending_money"]?.bool == true, let how = json["settlement"] else { return nil }
        let total = money(json["total"], "total")
        let zero = Money.zero(total.currency)
        return ReturnSettlement(
            total: total, taxIncluded: json["tax_included"]?.bool ?? false, exchangeOrder: how["exchange_order"]?.string,
            exchanged: optionalMoney(how["exchanged"], "exchanged") ?? zero, shopperPays: optionalMoney(how["shopper_pays"], "shopper_pays") ?? zero,
            storeCredit: optionalMoney(how["store_credit"], "store_credit") ?? zero, storeCreditRef: how["store_credit_ref"]?.string)
    }

    mutating func ledgerPayment() -> Event.Effect? {
        guard let of = reference(), let date = json["date"]?.string.flatMap({ LocalDate($0) }) else {
            problems.malformed("\(id): document or date is not one")
            return nil
        }
        let payment = LedgerPayment(id: id, reference: json["reference"]?.string ?? "", amount: money(json["amount"], "amount"), of: of)
        return .ledgerPayment(payment, account: Role(text("account")), date: date)
    }

    mutating func ledgerEdit() -> Event.Effect? {
        guard let of = reference() else {
            problems.malformed("\(id): document is not one")
            return nil
        }
        let changes: [Event.LedgerChange] = (json["changes"]?.array ?? []).compactMap { change in
            let field = change["field"]?.string ?? "?"
            guard (field == "net" && change["line"] != nil) || field == "tax" else {
                problems.unsupported("ledger_change.\(field)")
                return nil
            }
            return Event.LedgerChange(line: change["line"]?.string, from: decimal(change["from"], "from"), to: decimal(change["to"], "to"))
        }
        return .ledgerEdit(of: of, changes)
    }

    /// `invoice:I-2501`.
    private func reference() -> PlannedPosting.Reference? {
        let parts = (json["document"]?.string ?? "").split(separator: ":", maxSplits: 1).map(String.init)
        guard parts.count == 2, let form = PostingForm(rawValue: parts[0]) else { return nil }
        return PlannedPosting.Reference(form: form, subject: parts[1])
    }
}
