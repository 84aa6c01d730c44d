import Books
import Kernel
import Mapping
import Wire

extension Seeded {
    mutating func some<T>(_ make: (inout Seeded) -> T) -> T? { flip() ? make(&self) : nil }
    mutating func many<T>(_ most: Int, _ make: (inout Seeded) -> T) -> [T] {
        (0 ..< int(0 ... most)).map { _ in make(&self) }
    }
}

let today = LocalDate("2026-11-21") ?? LocalDate(daysSince1970: 0)

func json(_ text: String) throws(Fault) -> JSON { try JSON(parsing: Array(text.utf8)) }

/// A rule that puts an account where `when` holds.
func rule(_ name: String, _ when: [Rule.Field: String], account: String, from: LocalDate? = nil) -> Rule {
    Rule(name: name, when: when, set: [.account: account], from: from)
}

func line(
    _ role: Role, part: PostingLine.Part = .goods, sku: String = "", text: String = "", tax: String? = nil,
    reason: String? = nil,
    dimension: [String: String] = [:]
) -> PostingLine {
    PostingLine(
        part, role: role, amount: Money(minor: -100, .usd), taxCode: tax, dimension: dimension, derivedFrom: ["O-1"],
        text: text, sku: sku, reasonCode: reason)
}

func posting(
    _ lines: [PostingLine] = [], form: PostingForm = .invoice, currency: Currency = .usd, date: LocalDate = today,
    party: String = "shop"
) -> PlannedPosting {
    PlannedPosting(
        subject: "O-1", form: form, caseID: "O-1", covers: ["O-1"], date: date, currency: currency,
        total: .zero(currency), lines: lines, party: party)
}

/// A mapper over accounts that all exist and take postings.
func mapper(
    _ rules: [Rule] = [], accounts: [(role: String, code: String)] = [],
    taxCodes: [(code: String, ledger: String)] = [],
    known: [String] = ["1", "2", "3", "4"]
) -> Mapper {
    Mapper(
        structure: AccountStructure(
            version: 4, accounts: accounts, taxCodes: taxCodes, houseCustomer: "Shop customers"),
        rules: RuleSet(version: 7, rules: rules, reasonCodes: []),
        accounts: known.map { (code: $0, remoteID: "r\($0)", name: "Account \($0)", active: true) })
}

extension Seeded {
    /// Words, and what tends to break a writer or reader of words.
    mutating func word() -> String {
        let odd = [
            "", " ", "\"", "\\", "\u{0}", "\u{1f}", "é", "e\u{301}", "👩‍👩‍👧‍👦", "\u{2028}", "a\nb", "null", "12.30 USD", "[]",
            "{}", "ß", "\u{feff}", "O-1/2",
        ]
        return flip(3) ? pick(odd) : "w\(int(0 ... 99))"
    }

    mutating func money() -> Money {
        let currencies: [Currency] = ["USD", "GBP", "JPY", "KWD", "CLF"].compactMap { Currency($0) }
        let amounts: [Int64] = [0, 1, -1, .max, .min + 1, Int64(int(-1_000_000 ... 1_000_000))]
        return Money(minor: pick(amounts), pick(currencies))
    }

    mutating func decimal() -> ExactDecimal {
        ExactDecimal(coefficient: Int128(int(-1_000_000_000 ... 1_000_000_000)), scale: pick([0, 0, 1, 2, 6, 30]))
    }

    /// Between the years 1 and 9999: those have a text form.
    mutating func instant() -> Timestamp {
        Timestamp(microseconds: Int64(int(-62_000_000_000_000_000 ... 253_000_000_000_000_000)))
    }

    mutating func tax() -> TaxPart {
        TaxPart(
            jurisdiction: some { $0.word() }, rate: some { $0.decimal() }, amount: money(), channelLiable: flip(),
            overridden: flip())
    }

    mutating func taxes() -> [TaxPart] { many(3) { $0.tax() } }

    mutating func saleLine() -> SaleLine {
        SaleLine(
            id: word(), sku: word(), title: word(), group: some { $0.word() }, quantity: decimal(), gross: money(),
            discount: some { $0.money() },
            net: some { $0.money() }, taxes: some { $0.taxes() }, giftCard: flip(), giftCardRef: some { $0.word() },
            location: some { $0.word() }, taxCode: flip(4) ? word() : nil)
    }

    mutating func shipping() -> ShippingLine {
        ShippingLine(
            id: word(), title: word(), amount: money(), discount: money(), net: money(), taxes: taxes(), taxCode: flip(4) ? word() : nil)
    }

    mutating func movement() -> MoneyMovement {
        MoneyMovement(
            id: word(), gateway: word(), amount: money(),
            status: pick([.success, .authorised, .pending, .failure, .voided]), at: some { $0.instant() }, isNamed: flip())
    }

    mutating func fee() -> ReturnFee {
        ReturnFee(id: word(), kind: pick([.restocking, .returnShipping]), amount: money(), tax: some { $0.money() })
    }

    mutating func sale() -> Sale {
        var out = Sale(
            number: word(), source: word(), customer: word(), currency: money().currency, rate: some { $0.decimal() },
            taxIncluded: flip(), taxExempt: flip(),
            lines: many(4) { $0.saleLine() }, shipping: many(2) { $0.shipping() },
            discounts: many(2) { OrderDiscount(id: $0.word(), code: $0.word(), amount: $0.money()) },
            orderTaxes: many(2) { OrderTax(id: $0.word(), part: $0.tax()) }, tip: some { $0.money() }, total: money(),
            isInvoice: flip(),
            poNumber: some { $0.word() }, isDraft: flip() && flip(), exchangeOf: flip() ? some { $0.word() } : nil,
            deposits: flip() ? many(2) { DepositApplied(id: $0.word(), deposit: $0.word(), amount: $0.money()) } : [],
            duties: flip() ? many(2) { Duty(id: $0.word(), amount: $0.money(), jurisdiction: $0.some { $0.word() }) } : [],
            relief: flip() ? some { $0.relief() } : nil, bills: flip() ? some { $0.word() } : nil)
        out.isTillDay = flip() && flip()
        return out
    }

    mutating func relief() -> TaxRelief {
        TaxRelief(
            kind: pick(TaxRelief.Kind.allCases), customerNumber: some { $0.word() }, dueFromCustomer: some { $0.money() },
            evidence: some { $0.word() })
    }

    mutating func payout() -> Payout {
        Payout(
            gateway: word(), amount: money(), status: pick(Payout.Status.allCases),
            rows: many(4) {
                PayoutRow(
                    id: $0.word(), kind: $0.pick(PayoutRow.Kind.allCases), ref: $0.some { $0.word() }, amount: $0.money(), fee: $0.money(),
                    net: $0.money(), at: $0.some { $0.instant() }, original: $0.some { $0.money() })
            }, rate: some { $0.decimal() }, reference: some { $0.word() })
    }

    mutating func stock() -> StockMovement {
        StockMovement(
            kind: pick(StockMovement.Kind.allCases), currency: money().currency,
            lines: many(3) {
                StockMovement.Line(id: $0.word(), sku: $0.word(), quantity: $0.decimal(), value: $0.some { $0.money() })
            }, receipt: some { $0.word() }, amount: some { $0.money() }, reasonCode: some { $0.word() })
    }

    mutating func refund() -> Refund {
        Refund(
            currency: money().currency, taxIncluded: flip(),
            lines: many(3) {
                RefundLine(
                    line: $0.word(), quantity: $0.decimal(), net: $0.money(), taxes: $0.some { $0.taxes() },
                    reasonCode: $0.some { $0.word() },
                    restocked: $0.some { $0.flip() })
            },
            shipping: many(2) { $0.shipping() },
            adjustments: many(2) {
                RefundAdjustment(
                    id: $0.word(), kind: $0.pick([.refundDiscrepancy, .goodwill, .taxRefund]), amount: $0.money(),
                    taxes: $0.taxes())
            },
            fees: many(2) { $0.fee() }, total: money(), transactions: many(2) { $0.movement() }, merchant: flip(3) ? word() : nil,
            tip: flip(3) ? money() : nil)
    }

    mutating func edit() -> SaleEdit {
        SaleEdit(
            added: many(2) { $0.saleLine() },
            removed: many(2) {
                RemovedUnits(
                    line: $0.word(), quantity: $0.decimal(), net: $0.some { $0.money() }, taxes: $0.some { $0.taxes() })
            },
            orderTotal: some { $0.money() }, transactions: many(2) { $0.movement() })
    }

    mutating func goods() -> GoodsReturn {
        GoodsReturn(
            state: word(), refundRef: some { $0.word() },
            lines: many(3) {
                ReturnedLine(
                    line: $0.word(), quantity: $0.decimal(), reasonCode: $0.some { $0.word() },
                    net: $0.some { $0.money() }, tax: $0.some { $0.money() },
                    disposition: $0.some { $0.word() }, id: $0.some { $0.word() }, taxes: $0.some { $0.taxes() })
            }, fees: many(2) { $0.fee() },
            settlement: some {
                ReturnSettlement(
                    total: $0.money(), taxIncluded: $0.flip(), exchangeOrder: $0.some { $0.word() }, exchanged: $0.money(),
                    shopperPays: $0.money(), storeCredit: $0.money(), storeCreditRef: $0.some { $0.word() },
                    isGiftCard: $0.flip(), refunds: $0.many(2) { $0.movement() }, shipping: $0.many(2) { $0.shipping() },
                    exchangeBonus: $0.some { $0.money() })
            })
    }

    mutating func document() -> SourceDocument {
        let body: SourceDocument.Body =
            switch int(0 ... 16) {
            case 0: .sale(sale())
            case 1: .refund(refund())
            case 2: .edit(edit())
            case 3: .goodsReturn(goods())
            case 4:
                .payment(
                    Payment(
                        gateway: word(), amount: money(),
                        status: pick([.success, .authorised, .pending, .failure, .voided]), card: some { $0.word() },
                        of: some { $0.word() }, cashRounding: flip() ? some { $0.money() } : nil, reference: some { $0.word() },
                        merchant: flip(3) ? word() : nil))
            case 5:
                .cancellation(Cancellation(kind: pick([.cancelled, .voided, .deleted]), reason: some { $0.word() }))
            case 6: .tipPayout(TipPayout(gateway: word(), amount: money()))
            case 7: .payout(payout())
            case 8: .dispute(Dispute(payment: word(), amount: money(), status: word(), reason: some { $0.word() }))
            case 9:
                .deposit(
                    Deposit(
                        gateway: word(), amount: money(), status: pick([.success, .pending]), customer: word(), rate: some { $0.decimal() }))
            case 10: .bankLine(BankLine(account: word(), amount: money(), reference: word()))
            case 11: .giftCardExpiry(GiftCardExpiry(card: word(), amount: money()))
            case 12: .fulfilment(Fulfilment(lines: many(3) { Fulfilment.Line(line: $0.word(), quantity: $0.decimal()) }))
            case 13:
                .registerClosure(
                    RegisterClosure(gateway: word(), expected: money(), counted: money(), register: some { $0.word() }, location: some { $0.word() }))
            case 14:
                .stockLevel(
                    StockLevel(
                        sku: word(), title: word(), location: some { $0.word() }, onHand: decimal(), threshold: decimal(), quantity: some { $0.decimal() },
                        unitCost: some { $0.decimal() }, currency: flip() ? .usd : nil, rate: some { $0.decimal() }, supplier: some { $0.word() },
                        isWatched: flip()))
            case 15:
                .bill(
                    Bill(
                        number: word(), supplier: word(), currency: .usd, rate: some { $0.decimal() }, lines: many(3) { $0.saleLine() }, total: money(),
                        due: some { $0.instant() }, isVoid: flip()))
            default: .stock(stock())
            }
        return SourceDocument(id: word(), caseID: word(), version: Int64(int(0 ... 9)), at: instant(), body: body)
    }

    mutating func texts() -> [String: String] {
        Dictionary(many(3) { ("k\($0.int(0 ... 9))", $0.word()) }, uniquingKeysWith: { a, _ in a })
    }

    mutating func amounts() -> [String: Money] {
        Dictionary(many(3) { ("m\($0.int(0 ... 9))", $0.money()) }, uniquingKeysWith: { a, _ in a })
    }

    mutating func finding() -> Finding {
        Finding(check: word(), why: word(), remedy: word(), position: some { $0.word() }, figures: amounts())
    }

    mutating func postingLine() -> PostingLine {
        PostingLine(
            pick([.control, .goods, .giftCard, .discount, .shipping, .tip, .fee, .allowance, .tax, .tender, .other]),
            role: Role(word()), amount: money(),
            base: some { $0.money() }, taxCode: some { $0.word() }, group: word(), dimension: texts(),
            derivedFrom: many(3) { $0.word() }, text: word(),
            sku: word(), quantity: some { $0.decimal() }, reasonCode: some { $0.word() }, openItem: some { $0.word() })
    }

    mutating func plan() -> PlannedPosting {
        var out = PlannedPosting(
            subject: word(), form: pick(PostingForm.allCases), effect: pick([.post, .void]), caseID: word(),
            covers: many(3) { $0.word() },
            date: LocalDate(daysSince1970: int(-500_000 ... 2_000_000)), due: some { LocalDate(daysSince1970: $0.int(0 ... 40_000)) }, currency: money().currency,
            rate: some { $0.decimal() }, total: money(),
            lines: many(4) { $0.postingLine() }, party: word(),
            appliesTo: some { PlannedPosting.Reference(form: $0.pick(PostingForm.allCases), subject: $0.word()) },
            findings: many(2) { $0.finding() },
            reference: some { $0.word() }, note: some { $0.word() }, memo: amounts(),
            taxOverride: some { PlannedPosting.TaxOverride(source: $0.money(), computed: $0.money()) },
            notBefore: some { $0.instant() })
        out.drawnFrom = some { PlannedPosting.Reference(form: $0.pick(PostingForm.allCases), subject: $0.word()) }
        out.isClosed = flip()
        out.countsWhenPaid = flip()
        out.closedBehind = some { $0.word() }
        return out
    }
}
