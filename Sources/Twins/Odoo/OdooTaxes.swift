internal import Kernel
internal import Wire

/// An invoice's sums: lines, taxes, and what is to be paid.
extension OdooDatabase {
    /// Digits that sums keep before they are rounded.
    private static let rawPlaces = 12

    /// Units of the invoice's currency for one of the company's: what was sent, or the rate of its day.
    func rate(of move: OdooRecord) -> ExactDecimal {
        let sent = move.decimal("invoice_currency_rate")
        if !sent.isZero, !sent.isNegative { return sent }
        return rate(move.int("currency_id"), on: move.date("invoice_date") ?? move.date("date") ?? today)
    }

    /// Subtotals of the product lines and one line for each tax.
    mutating func computeTaxes(_ move: OdooRecord) throws(OdooProblem) {
        let currency = move.int("currency_id") ?? companyCurrency
        let places = places(currency)
        let sign = OdooMoveType.sign(move.text("move_type") ?? "")
        let rate = rate(of: move)
        let isGlobal = record("res.company", 1)?.text("tax_calculation_rounding_method") == "round_globally"
        var taxes: [Int: (raw: ExactDecimal, base: Int64)] = [:]
        for line in lines(of: move.id) where line.text("role") == "product" {
            let parts = try split(line, places, isGlobal: isGlobal)
            for (tax, raw) in parts.taxes { taxes[tax] = ((taxes[tax]?.raw ?? .zero) + raw, (taxes[tax]?.base ?? 0) + parts.net) }
            let signed = sign * parts.net
            update(
                "account.move.line", line.id,
                [
                    "price_subtotal": OdooAmount.json(parts.net, places), "price_total": OdooAmount.json(parts.gross, places),
                    "amount_currency": OdooAmount.json(signed, places),
                    "balance": OdooAmount.json(toBase(signed, currency, rate), self.places(companyCurrency)),
                ])
        }
        let old = lines(of: move.id).filter { $0.text("role") == "tax" }
        for line in old where taxes[line.int("tax_line_id") ?? 0] == nil { delete("account.move.line", line.id) }
        for tax in taxes.keys.sorted() {
            guard let (raw, base) = taxes[tax], let amount = OdooAmount.minor(raw, places), let record = record("account.tax", tax) else { continue }
            var values: [String: JSON] = ["name": record["name"], "account_id": record["tax_account_id"], "partner_id": move["partner_id"]]
            values["amount_currency"] = OdooAmount.json(sign * amount, places)
            values["balance"] = OdooAmount.json(toBase(sign * amount, currency, rate), self.places(companyCurrency))
            values["tax_base_amount"] = OdooAmount.json(toBase(base, currency, rate), self.places(companyCurrency))
            if let line = old.first(where: { $0.int("tax_line_id") == tax }) {
                update("account.move.line", line.id, values)
                continue
            }
            guard amount != 0 else { continue }
            values["move_id"] = .int(move.id)
            values["role"] = "tax"
            values["tax_line_id"] = .int(tax)
            values["currency_id"] = .int(currency)
            values["sequence"] = 1000
            insert("account.move.line", values)
        }
    }

    /// One line's amounts in minor units, and its taxes with more digits.
    func split(_ line: OdooRecord, _ places: Int, isGlobal: Bool) throws(OdooProblem) -> (net: Int64, gross: Int64, taxes: [Int: ExactDecimal]) {
        let quantity = line.decimal("quantity")
        let kept = ExactDecimal(100) - line.decimal("discount")
        guard let priced = quantity.multiplied(by: line.decimal("price_unit")), let percented = priced.multiplied(by: kept),
            let raw = percented.multiplied(by: ExactDecimal(coefficient: 1, scale: 2))?.rescaled(toScale: Self.rawPlaces),
            let rounded = raw.rescaled(toScale: places), let minor = rounded.smallCoefficient, minor.magnitude < 10_000_000_000_000
        else { throw .value("numeric field overflow") }
        let records = line.ids("tax_ids").compactMap { record("account.tax", $0) }
        let included = records.filter { $0.flag("price_include") }
        let start = isGlobal ? raw : rounded
        // Prices that include taxes: all percentages come out of the same gross amount.
        let percents = included.filter { $0.text("amount_type") != "fixed" }.reduce(ExactDecimal.zero) { $0 + $1.decimal("amount") }
        let fixed = included.filter { $0.text("amount_type") == "fixed" }.reduce(ExactDecimal.zero) { $0 + $1.decimal("amount") * quantity }
        let within = start - (fixed.rescaled(toScale: 6) ?? .zero)
        let base = included.isEmpty ? start : Self.quotient(within * ExactDecimal(100), ExactDecimal(100) + percents, places: Self.rawPlaces)
        var taxes: [Int: ExactDecimal] = [:]
        var inside = ExactDecimal.zero
        for tax in records {
            let amount = tax.decimal("amount")
            let exact = tax.text("amount_type") == "fixed" ? amount * quantity : base * amount * ExactDecimal(coefficient: 1, scale: 2)
            guard let value = exact.rescaled(toScale: isGlobal ? Self.rawPlaces : places) else { throw .value("numeric field overflow") }
            taxes[tax.id] = (taxes[tax.id] ?? .zero) + value
            if tax.flag("price_include") { inside = inside + value }
        }
        // A gross price stays what it is: the net amount is what the taxes leave of it.
        guard let net = OdooAmount.minor(included.isEmpty ? start : isGlobal ? base : start - inside, places) else { throw .value("numeric field overflow") }
        let sum = taxes.values.reduce(ExactDecimal.zero) { $0 + $1 }
        return (net, net + (OdooAmount.minor(sum, places) ?? 0), taxes)
    }

    /// The line that is to be paid, and the invoice's sums.
    mutating func balance(invoice move: OdooRecord) {
        let currency = move.int("currency_id") ?? companyCurrency
        let (places, basePlaces) = (places(currency), self.places(companyCurrency))
        let all = lines(of: move.id)
        func sum(_ role: String, _ field: String, _ places: Int) -> Int64 { all.filter { $0.text("role") == role }.reduce(0) { $0 + $1.minor(field, places) } }
        let (net, tax) = (sum("product", "amount_currency", places), sum("tax", "amount_currency", places))
        let (netBase, taxBase) = (sum("product", "balance", basePlaces), sum("tax", "balance", basePlaces))
        let sign = OdooMoveType.sign(move.text("move_type") ?? "")
        let isSale = OdooMoveType.sales.contains(move.text("move_type") ?? "")
        let partner = record("res.partner", move.int("partner_id"))
        let account = partner?.int(isSale ? "property_account_receivable_id" : "property_account_payable_id")
            ?? (isSale ? OdooSeed.account(OdooSeed.receivable, self) : OdooSeed.account(OdooSeed.payable, self))
        var values: [String: JSON] = ["account_id": .orFalse(account), "partner_id": move["partner_id"], "name": .orFalse(move.text("payment_reference"))]
        values["amount_currency"] = OdooAmount.json(-net - tax, places)
        values["balance"] = OdooAmount.json(-netBase - taxBase, basePlaces)
        values["date_maturity"] = .orFalse(move.text("invoice_date_due") ?? move.text("date"))
        values["currency_id"] = .int(currency)
        if let term = all.first(where: { $0.text("role") == "payment_term" }) {
            update("account.move.line", term.id, values)
        } else if all.contains(where: { ["product", "tax"].contains($0.text("role")) }) {
            values["move_id"] = .int(move.id)
            values["role"] = "payment_term"
            values["sequence"] = 2000
            insert("account.move.line", values)
        }
        update(
            "account.move", move.id,
            [
                "amount_untaxed": OdooAmount.json(sign * net, places), "amount_tax": OdooAmount.json(sign * tax, places),
                "amount_total": OdooAmount.json(sign * (net + tax), places), "amount_untaxed_signed": OdooAmount.json(-netBase, basePlaces),
                "amount_tax_signed": OdooAmount.json(-taxBase, basePlaces), "amount_total_signed": OdooAmount.json(-netBase - taxBase, basePlaces),
                "amount_total_in_currency_signed": OdooAmount.json(-net - tax, places),
            ])
    }
}
