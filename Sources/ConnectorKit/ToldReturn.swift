public import Books
public import Kernel

/// A return as returns systems tell it, in the words that they share: what becomes of it stands here once, for all of them.
public struct ToldReturn: Sendable {
    public enum State: String, Sendable, CaseIterable {
        /// Nothing is settled yet: its amounts may still change.
        case open
        case closed
        /// Nothing comes of it: cancelled, expired or refused.
        case cancelled
    }

    /// The system's own id. Documents carry it behind `return:`, so that it is never taken for a refund's of the shop.
    public var id: String
    /// The shop's id of the order, which is the case.
    public var order: String
    /// What people call it.
    public var number: String
    public var state: State
    public var version: Int64
    /// When it was settled.
    public var at: Timestamp
    public var currency: Currency
    public var taxIncluded: Bool
    /// Each with its net, and its taxes where the system says whose they are.
    public var lines: [ReturnedLine]
    public var fees: [ReturnFee]
    public var shipping: [ShippingLine]
    /// Lines and shipping with their taxes, before fees.
    public var worth: Money
    /// What is bought with the credit, with its taxes.
    public var exchangeLines: [SaleLine]
    public var exchanged: Money
    /// The shop's id of the new order, where the system says.
    public var exchangeOrder: String?
    /// Money given back.
    public var refunds: [MoneyMovement]
    /// The shop's refund that gives it, where the system says.
    public var refundRef: String?
    public var storeCredit: Money
    public var giftCard: Money
    public var creditReference: String?
    public var shopperPays: Money
    /// How the customer pays what the credit does not cover.
    public var paidBy: String
    /// What the system says it added of the shop's own; any of these is believed, none other.
    public var statedBonus: [Money]

    public init(id: String, order: String, number: String, state: State, version: Int64, at: Timestamp, currency: Currency) {
        self.id = id
        self.order = order
        self.number = number
        self.state = state
        self.version = version
        self.at = at
        self.currency = currency
        taxIncluded = false
        (lines, fees, shipping, exchangeLines, refunds, statedBonus) = ([], [], [], [], [], [])
        (worth, exchanged, storeCredit, giftCard, shopperPays) = (.zero(currency), .zero(currency), .zero(currency), .zero(currency), .zero(currency))
        paidBy = "unknown"
    }

    /// What the customer gets above what the return is worth after fees.
    public var bonus: Money {
        let back = refunds.map(\.amount).total(currency)
        return exchanged + storeCredit + giftCard + back - shopperPays - (worth - fees.map(\.amount).total(currency))
    }

    /// The system's own id of the return that a document is, or is the new order of: `55120` of `return:55120` and `exchange:55120`. `nil` for others.
    public static func id(in document: String) -> String? {
        for start in ["return:", "exchange:"] where document.hasPrefix(start) && document.utf8.count > start.utf8.count {
            return String(document.dropFirst(start.utf8.count))
        }
        return nil
    }

    /// What it says was given back; of one that is not closed, nothing.
    public var figure: ReturnFigure {
        let isClosed = state == .closed
        // What a system does not name has a word of ours, `refund-1`: that is nobody's id.
        let names = Set([refundRef].compactMap(\.self) + refunds.map(\.id)).filter { !$0.contains(" ") && !$0.hasPrefix("refund") }
        return ReturnFigure(
            id: "return:\(id)", state: state, at: at, money: isClosed ? refunds.map(\.amount).total(currency) : .zero(currency),
            credit: isClosed ? storeCredit + giftCard : .zero(currency), refunds: isClosed ? names.sorted() : [])
    }

    /// The return, and the new order where nobody else tells of it.
    /// - Parameters:
    ///   - ownExchanges: no shop tells of the new order: it is a sale of its own.
    ///   - unbalanced: the fault for sums that do not agree.
    /// - Throws: what `unbalanced` makes: the parts of a closed return must come to what it is worth, to the last digit.
    public func documents(ownExchanges: Bool, unbalanced: (String) -> Fault) throws(Fault) -> [SourceDocument] {
        let own = "return:\(id)"
        guard state == .closed else {
            return [document(own, in: order, .goodsReturn(GoodsReturn(state: state.rawValue, refundRef: nil, lines: [], fees: [])))]
        }
        let bonus = self.bonus
        guard bonus.isZero || (bonus.minor > 0 && statedBonus.contains(bonus)) else {
            throw unbalanced(
                "its parts differ by \(bonus.text): worth \(worth.text), fees \(fees.map(\.amount).total(currency).text), exchanged \(exchanged.text), "
                    + "given back \(refunds.map(\.amount).total(currency).text), credited \((storeCredit + giftCard).text), paid \(shopperPays.text)")
        }
        guard storeCredit.isZero || giftCard.isZero else { throw unbalanced("it gives both store credit and a gift card") }
        let isOwn = ownExchanges && !exchangeLines.isEmpty && exchanged.minor > 0
        let credit = storeCredit + giftCard
        let settlement = ReturnSettlement(
            total: worth - fees.map(\.amount).total(currency), taxIncluded: taxIncluded, exchangeOrder: isOwn ? "exchange:\(id)" : exchangeOrder,
            exchanged: exchanged, shopperPays: shopperPays, storeCredit: credit, storeCreditRef: creditReference ?? (credit.isZero ? nil : own),
            isGiftCard: !giftCard.isZero, refunds: refunds, shipping: shipping,
            exchangeBonus: bonus > credit ? bonus - credit : nil)
        let back = GoodsReturn(state: state.rawValue, refundRef: refundRef, lines: lines, fees: fees, settlement: settlement)
        return [document(own, in: order, .goodsReturn(back))] + (isOwn ? exchange(of: own) : [])
    }

    private func document(_ own: String, in caseID: String, _ body: SourceDocument.Body) -> SourceDocument {
        SourceDocument(id: own, caseID: caseID, version: version, at: at, body: body)
    }

    /// The new order as a sale of its own, paid by the return's credit and what the customer added.
    private func exchange(of own: String) -> [SourceDocument] {
        let caseID = "exchange:\(id)"
        let sale = Sale(
            number: "\(number)-X", source: "shop", currency: currency, taxIncluded: taxIncluded, lines: exchangeLines, total: exchanged, exchangeOf: own)
        var out = [document(caseID, in: caseID, .sale(sale))]
        if shopperPays.minor > 0 {
            out.append(document("\(caseID)-paid", in: caseID, .payment(Payment(gateway: paidBy, amount: shopperPays, status: .success))))
        }
        return out
    }

    /// A reason as people wrote it, as a code: `Too small` is `too_small`. `nil` for none.
    public static func code(_ reason: String?) -> String? {
        guard let reason else { return nil }
        let words = reason.lowercased().utf8.split { !((97 ... 122).contains($0) || (48 ... 57).contains($0)) }
        let code = String(words.map { String(decoding: $0, as: UTF8.self) }.joined(separator: "_").prefix(40))
        return code.isEmpty ? nil : code
    }
}

/// What a returns system says of one return.
public struct ReturnFigure: Sendable, Equatable {
    /// As its document is named: `return:55120`.
    public var id: String
    public var state: ToldReturn.State
    /// When it was settled.
    public var at: Timestamp
    /// Given back as money, and as credit.
    public var money: Money
    public var credit: Money
    /// Ids of the refunds that it gives, the shop's where it names them.
    public var refunds: [String]

    public init(id: String, state: ToldReturn.State, at: Timestamp, money: Money, credit: Money, refunds: [String]) {
        self.id = id
        self.state = state
        self.at = at
        self.money = money
        self.credit = credit
        self.refunds = refunds
    }
}

public struct ReturnFigures: Sendable {
    public var figures: [ReturnFigure]
    /// Where the next page starts; `nil` at the end.
    public var next: String?

    public init(figures: [ReturnFigure], next: String?) {
        self.figures = figures
        self.next = next
    }
}
