internal import Kernel
internal import TwinKit
internal import Wire

/// Trade at the businesses of `tenants/mixed`, from a seed: sales, refunds and payouts happen in the twins, one after the other. What each must lead to
/// is reckoned here, from the prices, rates and fees that the happening is made of, before the twin hears of it; the twin adds the ids alone.
struct TradeWorld: Sendable {
    /// A sale that may still be given back.
    private struct Sale: Sendable {
        var business: TradeBusiness
        var order: String
        /// What a refund names: a charge, or an order's line.
        var payment: String
        var quantity: Int
        var net: Int64, tax: Int64
        var isCard: Bool
    }

    /// What is for sale in a shop: minor units, and hundredths of a per cent of tax.
    private struct Ware: Sendable {
        var sku: String
        var price: Int64, rate: Int64
    }

    private static let mugs = [
        Ware(sku: "MUG-01", price: 1800, rate: 825), Ware(sku: "TWL-07", price: 2450, rate: 825), Ware(sku: "SEED-3", price: 333, rate: 825),
    ]
    /// With their tax in the price; that of one bowl or three is not what the rate makes of the net.
    private static let pots = [
        Ware(sku: "BOWL-1", price: 999, rate: 2000), Ware(sku: "SMOCK", price: 1700, rate: 0), Ware(sku: "FUEL-5", price: 2100, rate: 500),
        Ware(sku: "PDF-1", price: 600, rate: 2000),
    ]
    private static let till: [(variation: String, price: Int64)] = [("W62UWFY35CWMYGVWK6TWJDNJ", 1750), ("NFTA5XCSRK6EHGNM6OQ3HWNA", 2450)]
    private static let merchant = "MLEWJTMNJN37Z"
    private static let taxOfTill: JSON = [.object([("catalog_object_id", "WSEEBKNOSIGDYXFCWFE6ENNH")])]

    private var random: Seeded
    private var count = 0
    private var sales: [Sale] = []
    /// What the processors hold: paid by card and not paid out, less fees; money back below zero.
    private var held: [TradeBusiness: (gross: Int64, fees: Int64)] = [:]
    private(set) var entries: [TradeEntry] = []

    init(seed: UInt64) { random = Seeded(seed) }

    /// Lets one more thing happen.
    /// - Throws: what a twin refuses, which is a mistake of this world's.
    mutating func step(_ twins: [String: any SourceTwin], at now: Timestamp) throws(Fault) {
        count += 1
        let business = random.pick(TradeBusiness.allCases)
        let candidates = sales.indices.filter { sales[$0].business == business }
        guard let twin = twins[business.source] else { return }
        let day = try Zone.named(business.zone).date(of: now).description
        if !candidates.isEmpty, random.flip(4) {
            let sale = sales.remove(at: random.pick(candidates))
            try refund(sale, twin, day, now)
            return
        }
        switch business {
        case .soundStudio, .cornerCafe: try session(business, twin, day, now)
        case .oaklandMugs, .banksidePots: try order(business, twin, day, now)
        case .pierStore, .marketStall: try tillSale(business, twin, day, now)
        }
    }

    /// Pays out what the processors hold.
    mutating func close(_ twins: [String: any SourceTwin], at now: Timestamp) throws(Fault) {
        for business in TradeBusiness.allCases {
            guard let twin = twins[business.source], let money = held[business], money.gross - money.fees > 0 else { continue }
            let isStripe = business.source == "stripe"
            let ask: JSON =
                isStripe
                ? .object([("do", "day_closes"), ("live", .bool(business.isLive))])
                : .object([("do", "pays_out"), ("merchant", .string(Self.merchant)), ("location", .string(business.location))])
            let out = try twin.happen(ask, at: now)
            guard let payout = isStripe ? out["payouts"]?[0]?.string : out["payout"]?.string else {
                throw Self.apart("no payout came of what is held for \(business.rawValue)")
            }
            let a = business.accounts
            record(business, "payout \(payout)", nil, [a.bank: money.gross - money.fees, a.clearing: -money.gross, a.fees: money.fees])
            held[business] = nil
            _ = try twin.happen(
                .object([("do", "payout_arrives"), ("live", .bool(business.isLive)), ("merchant", .string(Self.merchant)), ("payout", .string(payout))]),
                at: now)
        }
    }

    // MARK: Sales

    /// Music lessons, paid by card in a checkout of Stripe's: no tax, one line.
    private mutating func session(_ business: TradeBusiness, _ twin: any SourceTwin, _ day: String, _ now: Timestamp) throws(Fault) {
        let amount = Int64(random.int(500 ... 25_000))
        let out = try twin.happen(
            .object([
                ("do", "pays"), ("live", .bool(business.isLive)), ("amount", .number("\(amount)")), ("currency", "usd"),
                ("description", .string("Session \(count)")), ("method", "pm_card_bypassPending"),
            ]), at: now)
        guard let charge = out["charge"]?.string else { throw Self.apart("no charge came of a payment") }
        sold(business, "order \(charge)", "transaction \(charge)", day, net: amount, tax: 0)
        hold(business, gross: amount, fee: Self.halfUp(amount, 290) + 30)
        sales.append(Sale(business: business, order: charge, payment: charge, quantity: 1, net: amount, tax: 0, isCard: true))
    }

    /// An order in a shop of one product, with delivery now and then, or in Britain of two at rates of their own; the gateway notes its fee.
    private mutating func order(_ business: TradeBusiness, _ twin: any SourceTwin, _ day: String, _ now: Timestamp) throws(Fault) {
        let isBritish = business == .banksidePots
        let product = random.pick(isBritish ? Self.pots : Self.mugs)
        let quantity = random.int(1 ... 4)
        let (net, tax) = Self.figures(product, quantity, isIncluded: isBritish)
        let shipping: Int64 = random.flip(3) ? 600 : 0
        // Delivery bears the tax of the goods in Britain, and none in California.
        let more = isBritish && shipping == 0 && random.flip(3) ? Self.pots.first { $0.sku != product.sku } : nil
        let (otherNet, otherTax) = more.map { Self.figures($0, 1, isIncluded: true) } ?? (0, isBritish ? Self.halfUp(shipping, product.rate) : 0)
        let fee = Int64(random.int(31 ... 299))
        let transaction = "ch_trade\(count)"
        let items = [(product.sku, quantity)] + (more.map { [($0.sku, 1)] } ?? [])
        var ask: [(key: String, value: JSON)] = [
            ("do", "placed"), ("shop", .string(business.shop)),
            ("items", .array(items.map { .object([("sku", .string($0.0)), ("quantity", .number("\($0.1)"))]) })),
            ("transaction_id", .string(transaction)), ("fee", .string(Self.text(fee))),
        ]
        if shipping > 0 { ask.append(("shipping", .string(Self.text(shipping)))) }
        let out = try twin.happen(.object(ask), at: now)
        guard let order = out["order"]?.int, out["total"]?.string == Self.text(net + otherNet + tax + otherTax + shipping) else {
            throw Self.apart("an order has another total than its prices: \(out.text)")
        }
        sold(business, "order \(order)", "transaction \(transaction)", day, net: net + otherNet, tax: tax + otherTax, shipping: shipping)
        let a = business.accounts
        record(business, "payout \(order)-fee", day, [a.clearing: -fee, a.fees: fee])
        sales.append(Sale(business: business, order: "\(order)", payment: product.sku, quantity: quantity, net: net, tax: tax, isCard: true))
    }

    /// Net and tax of so many pieces. A shop whose prices have the tax in them rounds it half down, so that the net gets the half cent.
    private static func figures(_ ware: Ware, _ quantity: Int, isIncluded: Bool) -> (net: Int64, tax: Int64) {
        let price = ware.price * Int64(quantity)
        guard isIncluded else { return (price, halfUp(price, ware.rate)) }
        let whole = 10_000 + ware.rate
        let tax = (2 * price * ware.rate + whole - 1) / (2 * whole)
        return (price - tax, tax)
    }

    /// A sale at the till: one line with tax, by card with a tip now and then, or in cash.
    private mutating func tillSale(_ business: TradeBusiness, _ twin: any SourceTwin, _ day: String, _ now: Timestamp) throws(Fault) {
        let product = random.pick(Self.till)
        let quantity = random.int(1 ... 3)
        let net = product.price * Int64(quantity)
        let tax = Self.halfUp(net, 825)
        let isCard = random.int(1 ... 10) > 3
        let tip: Int64 = isCard && random.flip(4) ? 200 : 0
        let payment: JSON = isCard ? .object([("with", "card"), ("tip", .number("\(tip)"))]) : .object([("with", "cash")])
        let line: JSON = .object([("uid", "goods"), ("catalog_object_id", .string(product.variation)), ("quantity", .string("\(quantity)"))])
        let out = try twin.happen(
            .object([
                ("do", "sells"), ("merchant", .string(Self.merchant)), ("location", .string(business.location)), ("lines", [line]), ("taxes", Self.taxOfTill),
                ("payments", [payment]),
            ]), at: now)
        guard let order = out["order"]?.string, let paid = out["payments"]?[0]?.string else { throw Self.apart("no order came of a sale") }
        sold(business, "order \(order)", "transaction \(paid)", day, net: net, tax: tax, tip: tip)
        if isCard { hold(business, gross: net + tax + tip, fee: Self.halfUp(net + tax + tip, 260) + 15) }
        sales.append(Sale(business: business, order: order, payment: "goods", quantity: quantity, net: net, tax: tax, isCard: isCard))
    }

    // MARK: Refunds

    /// All of a line goes back, with its tax; of a lesson a part.
    private mutating func refund(_ sale: Sale, _ twin: any SourceTwin, _ day: String, _ now: Timestamp) throws(Fault) {
        var sale = sale
        let refund: String
        let money: String
        switch sale.business {
        case .soundStudio, .cornerCafe:
            sale.net = Int64(random.int(50 ... Int(sale.net)))
            let out = try twin.happen(
                .object([("do", "refunded"), ("live", .bool(sale.business.isLive)), ("payment", .string(sale.payment)), ("amount", .number("\(sale.net)"))]),
                at: now)
            (refund, money) = (out["refund"]?.string ?? "", out["refund"]?.string ?? "")
        case .oaklandMugs, .banksidePots:
            let item: JSON = .object([("sku", .string(sale.payment)), ("quantity", .number("\(sale.quantity)"))])
            let out = try twin.happen(
                .object([("do", "refunded"), ("shop", .string(sale.business.shop)), ("order", .number(sale.order)), ("items", [item])]), at: now)
            (refund, money) = ("\(out["refund"]?.int ?? 0)", "\(out["refund"]?.int ?? 0)")
        case .pierStore, .marketStall:
            let line: JSON = .object([("line", .string(sale.payment)), ("quantity", .string("\(sale.quantity)"))])
            let out = try twin.happen(
                .object([("do", "returns"), ("merchant", .string(Self.merchant)), ("order", .string(sale.order)), ("lines", [line])]), at: now)
            (refund, money) = (out["order"]?.string ?? "", out["refunds"]?[0]?.string ?? "")
        }
        let a = sale.business.accounts
        let total = sale.net + sale.tax
        record(sale.business, "refund \(refund)", day, [a.returns: sale.net, a.tax: sale.tax, a.receivable: -total])
        record(sale.business, "transaction \(money)", day, [a.receivable: total, a.clearing: -total])
        if sale.isCard, sale.business.isPaidOut { hold(sale.business, gross: -total, fee: 0) }
    }

    // MARK: Writing down

    private mutating func sold(
        _ business: TradeBusiness, _ order: String, _ payment: String, _ day: String, net: Int64, tax: Int64, shipping: Int64 = 0, tip: Int64 = 0
    ) {
        let a = business.accounts
        let total = net + tax + shipping + tip
        record(business, order, day, [a.receivable: total, a.sales: -net, a.tax: -tax, a.shipping: -shipping, a.tips: -tip])
        record(business, payment, day, [a.clearing: total, a.receivable: -total])
    }

    private mutating func record(_ business: TradeBusiness, _ reference: String, _ day: String?, _ sums: KeyValuePairs<String, Int64>) {
        var all: [String: Int64] = [:]
        for (account, minor) in sums where minor != 0 { all[account, default: 0] += minor }
        entries.append(TradeEntry(business: business, reference: reference, day: day, sums: all))
    }

    private mutating func hold(_ business: TradeBusiness, gross: Int64, fee: Int64) {
        let now = held[business] ?? (0, 0)
        held[business] = (now.gross + gross, now.fees + fee)
    }

    /// Of minor units, so many hundredths of a per cent.
    private static func halfUp(_ minor: Int64, _ perTenThousand: Int64) -> Int64 { (minor * perTenThousand + 5000) / 10_000 }

    private static func text(_ minor: Int64) -> String { "\(minor / 100)." + (minor % 100 < 10 ? "0" : "") + "\(minor % 100)" }

    private static func apart(_ summary: String) -> Fault { Fault("trade_apart", stage: .sandbox, disposition: .bug, summary: summary) }
}
