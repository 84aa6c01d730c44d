internal import Kernel
internal import TwinKit
internal import Wire

/// One movement of the money that Square holds for a merchant.
struct SquareMovement: Sendable {
    /// The payout entry's `type`.
    var type: String
    var kind: ExpectedMoney.Kind
    /// Positive where the merchant gets more.
    var gross: Int64
    var location: String
    /// The member that tells what it is about, such as `type_charge_details`.
    var details: (key: String, value: JSON)?
    /// A fee is still to come: until it has, no payout takes the movement.
    var awaitsFee = false

    static func about(_ pairs: [(key: String, value: String)], _ name: String) -> (key: String, value: JSON) {
        ("type_\(name)_details", .object(pairs.map { (key: $0.key, value: JSON.string($0.value)) }))
    }
}

/// What Square holds for its merchants. Each movement is a payout entry from the beginning; a payout is the entries that it takes.
extension SquareState {
    /// Writes the payout entry and the entry in the twin's own books; its id.
    @discardableResult
    mutating func book(_ move: SquareMovement, _ m: SquareMoment) -> String {
        let id = "poe_" + SquareMoment.letters(m.random, 31)
        let currency = merchant(m).currency
        var o = SquareFields()
        o.text("id", id)
        o.text("effective_at", SquareTime.seconds(m.at))
        o.text("type", move.type)
        o.money("gross_amount_money", move.gross, currency)
        o.money("fee_amount_money", 0, currency)
        o.money("net_amount_money", move.gross, currency)
        if let (key, value) = move.details { o.set(key, value) }
        let inner: [(key: String, value: JSON)] = [("location", .string(move.location)), ("awaits_fee", .bool(move.awaitsFee))]
        insert(.payoutEntry, id, o.json, inner: .object(inner), m)
        enter(move.kind, move.gross, move.location, m)
        return id
    }

    /// Takes a fee out of an entry that is not paid out yet. It belongs to the entry's own day, as the vendor's reports have it.
    mutating func bookFee(_ fee: Int64, on id: String, kind: ExpectedMoney.Kind = .fee, _ m: SquareMoment) {
        guard var row = rows[id], fee != 0 else { return }
        let currency = merchant(m).currency
        let fees = row.shown.amount("fee_amount_money") + fee
        row.shown = row.shown.setting([
            ("fee_amount_money", .money(fees, currency)), ("net_amount_money", .money(row.shown.amount("gross_amount_money") - fees, currency)),
        ])
        rows.put(row)
        enter(kind, -fee, row.inner.text("location") ?? "", m.at(row.created))
    }

    /// More or less of a movement that is not paid out yet.
    mutating func bookMore(_ gross: Int64, on id: String, kind: ExpectedMoney.Kind, _ m: SquareMoment) {
        guard var row = rows[id], gross != 0 else { return }
        let currency = merchant(m).currency
        let whole = row.shown.amount("gross_amount_money") + gross
        row.shown = row.shown.setting([
            ("gross_amount_money", .money(whole, currency)), ("net_amount_money", .money(whole - row.shown.amount("fee_amount_money"), currency)),
        ])
        rows.put(row)
        enter(kind, gross, row.inner.text("location") ?? "", m.at(row.created))
    }

    /// The entry: what Square owes the merchant against what it came from, debit positive, zero in all.
    mutating func enter(_ kind: ExpectedMoney.Kind, _ minor: Int64, _ location: String, _ m: SquareMoment) {
        let lines: [(String, Int64)] = [("balance", minor), (kind.rawValue, -minor)]
        let shown = lines.map { JSON.object([("account", .string($0.0)), ("minor", .minor($0.1))]) }
        let body: JSON = .object([
            ("currency", .string(merchant(m).currency)), ("location", .string(location)), ("lines", .array(shown)),
        ])
        insert(.entry, "entry/" + m.hex(24), body, m)
    }

    /// The sums of the books by merchant, day, currency and kind.
    func expectedMoney() -> [ExpectedMoney] {
        var sums: [String: ExpectedMoney] = [:]
        for row in rows.all(.entry) {
            guard let merchant = merchants[row.merchant] else { continue }
            let place = merchant.locations.first { $0.id == row.shown.text("location") } ?? merchant.main
            let day = place.zone.date(of: row.created)
            for line in row.shown.list("lines") {
                guard let kind = line.text("account").flatMap(ExpectedMoney.Kind.init) else { continue }
                let key = "\(row.merchant) \(day) \(merchant.currency) \(kind.rawValue)"
                var sum = sums[key] ?? ExpectedMoney(
                    account: row.merchant, isLive: true, day: day, currency: merchant.currency, kind: kind, minor: 0, count: 0)
                sum.minor -= line.minor("minor")
                sum.count += 1
                sums[key] = sum
            }
        }
        return sums.sorted { $0.key < $1.key }.map(\.value)
    }

    /// What the books say Square owes a merchant.
    func owed(_ merchant: String) -> Int64 {
        rows.all(.entry, of: merchant).flatMap { $0.shown.list("lines") }.filter { $0.text("account") == "balance" }.reduce(0) { $0 + $1.minor("minor") }
    }

    /// Entries of a location that no payout has taken.
    func unpaid(_ location: String, _ m: SquareMoment) -> [SquareRow] {
        rows.all(.payoutEntry, of: m.merchant).filter { row in
            row.inner.text("location") == location && row.inner.text("payout") == nil && !row.inner.flag("awaits_fee") && row.created <= m.at
        }
    }

    // MARK: Fees

    /// The fee of a payment, which comes some time after it.
    mutating func chargeFee(_ payment: String, _ m: SquareMoment) {
        guard let row = rows[payment], let entry = row.inner.text("entry") else { return }
        let merchant = merchant(m)
        let fee = self.fee(row.shown.amount("total_money"), m)
        changeInner(entry, "awaits_fee", false)
        bookFee(fee, on: entry, m)
        let effective = rows[entry]?.created ?? m.at
        let shown: JSON = .object([
            ("effective_at", .string(SquareTime.text(effective + .seconds(7200)))), ("type", "INITIAL"), ("amount_money", .money(fee, merchant.currency)),
        ])
        keepPayment(payment, [("processing_fee", .array([shown]))], m)
    }

    /// Half a cent to the even neighbour, as with everything else on this platform.
    func fee(_ amount: Int64, _ m: SquareMoment) -> Int64 {
        let merchant = merchant(m)
        return SquareRounding.halfEven(amount, Int128(merchant.feePerTenThousand), 10_000) + merchant.feeFixed
    }
}
