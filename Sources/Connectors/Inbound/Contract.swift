internal import ConnectorKit
internal import Wire

/// What events tell of.
enum InboundObject: String, Sendable, CaseIterable {
    case salesOrder = "sales_order", job, invoice, payment, creditNote = "credit_note", deposit
    case fulfilment, bill, registerClosure = "register_closure", inventoryThreshold = "inventory_threshold", goodsReturn = "return"

    /// What `data` is when the object was created or changed: the whole object as it then was.
    var members: [Member] {
        switch self {
        case .salesOrder, .job: Contract.order
        case .invoice: Contract.invoice
        case .payment: Contract.payment
        case .creditNote: Contract.creditNote
        case .deposit: Contract.deposit
        case .fulfilment: Contract.fulfilment
        case .registerClosure: Contract.closure
        case .bill: Contract.bill
        case .inventoryThreshold: Contract.threshold
        case .goodsReturn: Contract.goodsReturn
        }
    }

    /// What `data` is when it was deleted: as much as finds its place. Empty where the id does.
    var deletedMembers: [Member] {
        switch self {
        case .payment, .creditNote: Contract.settles + [Contract.currency]
        case .deposit, .bill: [Contract.currency]
        case .fulfilment: Contract.settles
        case .goodsReturn: [Contract.returnedOrder]
        case .salesOrder, .job, .invoice, .registerClosure, .inventoryThreshold: []
        }
    }

    /// What becomes of it.
    var carries: [String] {
        switch self {
        case .salesOrder, .job: ["sale"]
        case .invoice: ["invoice"]
        case .payment: ["payment"]
        case .creditNote: ["refund"]
        case .deposit: ["deposit"]
        case .fulfilment: []
        case .registerClosure: ["sale", "payment"]
        case .bill: ["bill"]
        case .inventoryThreshold: ["purchase_order"]
        case .goodsReturn: ["credit_note", "refund_payment", "sale", "payment"]
        }
    }
}

enum InboundVerb: String, Sendable, CaseIterable { case created, updated, deleted }

/// The contract, version 1.
enum Contract {
    static let version = "1"

    private static let money = Shape.decimal(places: 4, negative: true)
    private static let amount = Shape.decimal(places: 4, negative: false)
    static let currency = Member("currency", .currency, required: true, "ISO 4217 code of every amount here")
    private static let statuses = Shape.choice(["draft", "sent", "paid", "void"])
    private static let number = Member("number", .text(100), required: true, "what people call it")
    private static let rate = Member("rate", .decimal(places: 12, negative: false), "base units per unit of currency, where it is not the books' own")
    private static let included = Member("tax_included", .flag, "amounts of lines contain their taxes; false where absent")
    private static let total = Member("total", amount, required: true, "what is owed, tax included")

    /// Around every object.
    static func envelope(_ types: [String], data: [Member]?, dataRequired: Bool) -> [Member] {
        var out = [
            Member("contract", .choice([version]), "version of this contract"),
            Member("id", .id, required: true, "the event's own id: a second event with it is dropped, or refused where it says anything else"),
            Member("type", .choice(types), required: true, "object and what happened to it"),
            Member("occurred_at", .instant, required: true, "when it happened"),
            Member("object_id", .id, required: true, "the object's id, which never changes"),
            Member("object_version", .version, required: true, "grows with each change of the object; of two events the higher counts"),
        ]
        if let data { out.append(Member("data", .object(data), required: dataRequired, "the whole object as it then was")) }
        return out
    }

    private static let customer = Member(
        "customer",
        .object([
            Member("id", .id, required: true, "the customer's id"), Member("name", .text(200), "the customer's name"),
            Member("tax_number", .text(60), "the customer's tax number, which tax_relief may need"),
        ]), "who buys; the house's customer where absent")

    private static let tax = Shape.object([
        Member("jurisdiction", .text(60), "whose tax: GB, CA-ON-HST, US-CO; held before posting where absent"),
        Member("rate", .decimal(places: 8, negative: false), "a fraction: 0.13"),
        Member("amount", money, required: true, "what was charged"),
    ])
    private static let taxes = Member("taxes", .list(tax, least: 0, most: 20), "of this line; absent where taxes are stated for the whole document")
    private static let allTaxes = Member("taxes", .list(tax, least: 0, most: 20), "of the whole document, where its lines state none")

    private static let line = Shape.object([
        Member("id", .id, required: true, "unique in the document, the same in later versions"),
        Member("sku", .text(100), "the item"), Member("description", .text(500), "what it is"),
        Member("group", .word, "what decides the sales account: a group, or a number of an account that a rule names"),
        Member("quantity", .decimal(places: 6, negative: false), required: true, "units"),
        Member("unit_price", .decimal(places: 6, negative: false), "checked against net and discount where it is given"),
        Member("discount", amount, "taken off; 0.00 where absent"),
        Member("net", amount, required: true, "quantity times price less discount"), taxes,
        Member("location", .text(100), "store, warehouse or branch"), Member("tax_code", .text(60), "canonical tax code, where taxes do not say it"),
    ])
    private static func lines(least: Int) -> Member {
        Member("lines", .list(line, least: least, most: InboundLimits.lines), required: true, "what is sold")
    }
    private static let relief = Member(
        "tax_relief", .choice(["reverse_charge_eu_services", "domestic_reverse_charge", "export_zero_rated"]),
        "why it carries no tax, where that needs a reason")
    private static let tip = Member("tip", amount, "for the staff, outside of the sale")

    static let order: [Member] = [
        number, Member("status", statuses, required: true, "draft posts nothing"),
        Member("placed_on", .day, required: true, "when it was ordered"),
        currency, rate, included, relief, customer, Member("po_number", .text(100), "the customer's own number"), lines(least: 0), allTaxes, tip, total,
    ]

    static let invoice: [Member] = [
        number, Member("status", statuses, required: true, "draft posts nothing, void takes it back; paid is no payment"),
        Member("issued_on", .day, required: true, "dates the ledger's document"), Member("due_on", .day, "when it is due"),
        Member("voided_on", .day, "when it was voided; occurred_at where absent"), currency, rate, included,
        Member("tax_exempt", .flag, "no tax by law"), relief, customer,
        Member("po_number", .text(100), "the customer's own number"), Member("job", .id, "the job it bills"),
        Member("order", .id, "the sales order it bills"),
        lines(least: 1), allTaxes, tip,
        Member(
            "deposits_applied",
            .list(
                .object([
                    Member("id", .id, required: true, "unique in the invoice"),
                    Member("deposit", .id, required: true, "the deposit's object_id"),
                    Member("amount", amount, required: true, "used up by this invoice"),
                ]), least: 0, most: 100), "deposits that pay for it"),
        total,
    ]

    static let settles: [Member] = [
        Member("invoice", .id, "the invoice's object_id; this or order"), Member("order", .id, "the sales order's or job's object_id"),
    ]
    private static let method = Member("method", .word, required: true, "the tender, which names the clearing account: card, cash, bank")
    private static let moneyStatus = Shape.choice(["draft", "sent", "paid", "void"])
    private static let reference = Member("reference", .text(200), "what the payer or the bank wrote on it")

    static let payment: [Member] = settles + [
        Member("status", moneyStatus, required: true, "paid alone counts; sent is under way, void failed or was taken back"),
        Member("received_on", .day, required: true, "when the money came"), currency,
        Member("amount", amount, required: true, "what came"), method, reference,
    ]

    static let deposit: [Member] = [
        Member("status", moneyStatus, required: true, "paid alone counts"),
        Member("received_on", .day, required: true, "when the money came"), currency, rate,
        Member("amount", amount, required: true, "what came"), method, customer, Member("job", .id, "the job it is for"), reference,
    ]

    /// Goods that left, work that is done.
    static let fulfilment: [Member] = settles + [
        Member("status", .choice(["draft", "done", "void"]), required: true, "done alone counts; draft is under way, void was taken back"),
        Member("left_on", .day, required: true, "when it left, was handed over or was finished"),
        Member(
            "lines",
            .list(
                .object([
                    Member("line", .id, required: true, "the document's line"),
                    Member("quantity", .decimal(places: 6, negative: false), required: true, "units of it, of this time alone"),
                ]), least: 1, most: InboundLimits.lines), "what of the document; all that had not left where absent"),
    ]

    static let creditNote: [Member] = settles + [
        number, Member("status", statuses, required: true, "draft and void credit nothing"),
        Member("issued_on", .day, required: true, "dates the ledger's document"),
        currency, included,
        Member(
            "lines",
            .list(
                .object([
                    Member("id", .id, required: true, "unique in the credit note"),
                    Member("invoice_line", .id, "the line it takes back; a goodwill where absent"), Member("description", .text(500), "what it is"),
                    Member("quantity", .decimal(places: 6, negative: false), "units; 1 where absent"),
                    Member("net", amount, required: true, "taken back"), taxes,
                    Member("reason_code", .word, "decides the account, by a rule"), Member("restocked", .flag, "the goods are sold again"),
                ]), least: 1, most: InboundLimits.lines), required: true, "what is taken back"),
        Member(
            "refunds",
            .list(
                .object([
                    Member("id", .id, required: true, "the refund's id"), method, Member("amount", amount, required: true, "given back"),
                    Member("status", .choice(["sent", "paid", "void"]), required: true, "paid alone counts"),
                    Member("paid_on", .day, "when; issued_on where absent"),
                ]), least: 0, most: 100), "money given back; none where the credit stays with the customer"),
        total,
    ]

    static let closure: [Member] = [
        number, Member("register", .id, required: true, "the till"),
        Member("closed_at", .instant, required: true, "dates the ledger's document"), currency, included,
        lines(least: 0), allTaxes, tip, total,
        Member(
            "tenders",
            .list(
                .object([
                    method, Member("counted", amount, required: true, "what was there; this is posted"),
                    Member("expected", amount, "what should have been there: a difference stays open on the customer"),
                ]), least: 0, most: 50), required: true, "how it was paid"),
    ]

    /// What a supplier charges: amounts without tax.
    static let bill: [Member] = [
        Member("number", .text(100), required: true, "the supplier's own number"),
        Member("status", statuses, required: true, "draft and void leave nothing of it; paid is no payment"),
        Member("issued_on", .day, required: true, "dates the ledger's document"),
        Member("due_on", .day, "when it is to be paid; on issued_on where absent"), currency, rate,
        Member("supplier", .text(100), required: true, "who charges it, by the name that he has in the ledger"),
        Member("lines", .list(line, least: 1, most: InboundLimits.lines), required: true, "what is bought, without tax; group decides the account"), total,
    ]

    static let threshold: [Member] = [
        Member("sku", .text(100), required: true, "the item"), Member("location", .text(100), "store or warehouse"),
        Member("threshold", .decimal(places: 6, negative: false), required: true, "fewer units than this"),
        Member("on_hand", .decimal(places: 6, negative: true), required: true, "units that are there"),
        Member("reorder_quantity", .decimal(places: 6, negative: false), "units to order; without it, unit_cost and supplier the order is held"),
        Member("description", .text(500), "what it is"), Member("unit_cost", .decimal(places: 6, negative: false), "what one unit costs, without tax"),
        Member("currency", .currency, "ISO 4217 code of unit_cost"), rate, Member("supplier", .text(100), "who sells it, by the name that he has in the ledger"),
    ]

    static let returnedOrder = Member("order", .id, required: true, "the order it comes from, as the source that tells of the order names it")
    private static let fee = Shape.object([
        Member("id", .id, required: true, "unique in the return"),
        Member("type", .choice(["restocking", "return_shipping"]), required: true, "what it is for"),
        Member("amount", amount, required: true, "kept from the customer, its tax included"), Member("tax", amount, "the tax in it, where it is known"),
    ])
    private static let returned = Shape.object([
        Member("id", .id, required: true, "unique in the return"), Member("order_line", .id, required: true, "the order's line"),
        Member("description", .text(500), "what it is"), Member("quantity", .decimal(places: 6, negative: false), "units; 1 where absent"),
        Member("net", amount, required: true, "given back for it, after discount"), taxes,
        Member("reason_code", .word, "decides the account, by a rule"), Member("condition", .word, "as it came in: sellable, damaged"),
        Member("disposition", .choice(["restock", "write_off"]), "what becomes of the goods"),
    ])

    /// A return, as it stands: only a closed one counts.
    static let goodsReturn: [Member] = [
        returnedOrder, number, Member("status", .choice(ToldReturn.State.allCases.map(\.rawValue)), required: true, "closed alone counts"),
        Member("settled_on", .day, "when it was settled, which dates the ledger's document; occurred_at where absent"),
        currency, included,
        Member("lines", .list(returned, least: 0, most: InboundLimits.lines), required: true, "what came back, or is given back without coming back"),
        Member("shipping", .object([Member("net", amount, required: true, "given back"), taxes]), "delivery given back"),
        Member("fees", .list(fee, least: 0, most: 100), "kept from the customer"),
        Member("exchange_order", .id, "the new order, where a shop tells of it"),
        Member("exchange_lines", .list(line, least: 0, most: InboundLimits.lines), "the new order's lines, where no shop tells of it"),
        Member("exchanged", amount, "what the new order costs, tax included; 0.00 where absent"),
        Member(
            "refunds",
            .list(
                .object([
                    Member("id", .id, required: true, "the shop's id of the refund where it has one"), method,
                    Member("amount", amount, required: true, "given back"), Member("paid_on", .day, "when; settled_on where absent"),
                ]), least: 0, most: 100), "money given back"),
        Member("refund", .id, "the shop's refund that this return explains, where a shop tells of it"),
        Member("store_credit", amount, "credit to spend later, its bonus included"), Member("gift_card", amount, "the same as a gift card; one of both"),
        Member("credit_reference", .id, "the credit's or card's own id"),
        Member("bonus", amount, "what the shop adds of its own, in store credit, gift card or exchange"),
        Member("shopper_pays", amount, "what of the new order the credit does not cover"),
        Member("paid_by", .word, "the tender of shopper_pays, which names the clearing account"),
        Member("total", amount, required: true, "what lines and shipping come to, taxes included, before fees"),
    ]
}

extension InboundObject {
    func types(_ verbs: [InboundVerb]) -> [String] { verbs.map { "\(rawValue).\($0.rawValue)" } }

    /// The whole event, by what happened.
    func shape(deleted: Bool) -> Shape {
        guard deleted else { return .object(Contract.envelope(types([.created, .updated]), data: members, dataRequired: true)) }
        let data = deletedMembers
        return .object(Contract.envelope(types([.deleted]), data: data.isEmpty ? nil : data, dataRequired: true))
    }

    /// Of the object's events, with the id that docs/schemas gives it.
    var schema: JSON {
        .object([
            ("$schema", "https://json-schema.org/draft/2020-12/schema"), ("$id", .string("https://counterfoil.dev/schemas/\(rawValue).json")),
            ("title", .string("Counterfoil inbound contract, version \(Contract.version): \(rawValue)")),
            ("oneOf", .array([shape(deleted: false).schema, shape(deleted: true).schema])),
        ])
    }
}
