import Books
import Kernel

func at(_ text: StaticString) -> Timestamp { Timestamp(rfc3339: "\(text)") ?? Timestamp(seconds: 0) }
func usd(_ minor: Int64) -> Money { Money(minor: minor, .usd) }
func day(_ text: StaticString) -> LocalDate { LocalDate("\(text)") ?? LocalDate(daysSince1970: 0) }
func document(_ id: String, _ time: Timestamp, version: Int64 = 1, _ body: SourceDocument.Body)
    -> SourceDocument
{
    SourceDocument(id: id, caseID: "O-1", version: version, at: time, body: body)
}

func tax(_ minor: Int64, channel: Bool = false) -> TaxPart {
    TaxPart(jurisdiction: "US-PA", rate: d("0.06"), amount: usd(minor), channelLiable: channel)
}

/// Two units at 50.00 and 6 % tax: 106.00.
func sale(
    source: String = "shop", customer: String = "house", total: Int64 = 10_600, taxes: [TaxPart]? = nil,
    discounts: [OrderDiscount] = []
) -> SourceDocument {
    document(
        "O-1", at("2026-11-02T10:00:00Z"),
        .sale(
            Sale(
                number: "#1", source: source, customer: customer, currency: .usd, taxIncluded: false,
                lines: [
                    SaleLine(
                        id: "L1", sku: "CUP", title: "Cup", group: "cups", quantity: ExactDecimal(2),
                        gross: usd(10_000),
                        discount: discounts.isEmpty ? usd(0) : nil, net: discounts.isEmpty ? usd(10_000) : nil,
                        taxes: taxes ?? [tax(600)])
                ],
                discounts: discounts, total: usd(total))))
}

func payment(
    _ id: String = "P-1", _ amount: Int64 = 10_600, _ status: Payment.Status = .success, gateway: String = "card",
    version: Int64 = 1
) -> SourceDocument {
    document(
        id, at("2026-11-02T10:01:00Z"), version: version,
        .payment(Payment(gateway: gateway, amount: usd(amount), status: status)))
}

func refund(
    _ id: String = "R-1", units: Int = 1, adjustments: [RefundAdjustment] = [], fees: [ReturnFee] = [],
    total: Int64 = 5_300, reason: String? = nil,
    line: String = "L1", time: Timestamp = at("2026-11-08T10:00:00Z"), money: Bool = true
) -> SourceDocument {
    let lines =
        units == 0
        ? []
        : [
            RefundLine(
                line: line, quantity: ExactDecimal(units), net: usd(5_000 * Int64(units)), taxes: nil,
                reasonCode: reason)
        ]
    return document(
        id, time,
        .refund(
            Refund(
                currency: .usd, taxIncluded: false, lines: lines, adjustments: adjustments, fees: fees,
                total: usd(total),
                transactions: money
                    ? [MoneyMovement(id: "T1", gateway: "card", amount: usd(total), status: .success)] : [])))
}

func edit(_ id: String = "E-1", total: Int64 = 5_300) -> SourceDocument {
    document(
        id, at("2026-11-04T10:00:00Z"),
        .edit(
            SaleEdit(
                added: [], removed: [RemovedUnits(line: "L1", quantity: .one, net: nil, taxes: nil)],
                orderTotal: usd(total),
                transactions: [MoneyMovement(id: "T1", gateway: "card", amount: usd(5_300), status: .success)])))
}

func cancel(_ kind: Cancellation.Kind = .cancelled) -> SourceDocument {
    document("C-1", at("2026-11-05T10:00:00Z"), .cancellation(Cancellation(kind: kind)))
}

func names(_ plans: [PlannedPosting]) -> [String] {
    plans.map { "\($0.form.rawValue):\($0.subject)" + ($0.effect == .void ? " void" : "") }
}
func checks(_ plans: [PlannedPosting]) -> [String] { plans.flatMap(\.findings).map(\.check) }
func sums(_ plan: PlannedPosting?) -> [Role: Int64] { plan.map { balances([$0]) } ?? [:] }
