internal import Kernel
internal import Wire

/// Where the company is: its currency, and how tax works there.
public enum QuickBooksOnlineCountry: String, Sendable {
    case unitedStates = "US"
    case unitedKingdom = "GB"

    var isAmerican: Bool { self == .unitedStates }
    var companyName: String { isAmerican ? QBOCompany.name : "Thames Goods Ltd" }
    var currencyCode: String { isAmerican ? "USD" : "GBP" }
    var currency: JSON { isAmerican ? ["value": "USD", "name": "United States Dollar"] : ["value": "GBP", "name": "British Pound Sterling"] }
    var timeZone: String { isAmerican ? "America/Chicago" : "Europe/London" }

    /// Tax codes of a British company, each with the rates of sales and of purchases: 2 is 20 %, 3 is 5 %, 5 is 0 %, 6 is no VAT, which has no rate.
    static let british: [(id: String, name: String, percent: Int?, sales: String, purchases: String)] = [
        ("2", "20.0% S", 20, "4", "5"), ("3", "5.0% R", 5, "6", "7"), ("5", "0.0% Z", 0, "8", "9"), ("6", "No VAT", nil, "", ""),
    ]
}

/// Cents of the lines of a form by tax code, in the order of the lines.
struct QBONets: Sendable {
    private(set) var all: [(code: String, cents: Int64)] = []

    mutating func add(_ code: String, _ cents: Int64) {
        if let at = all.firstIndex(where: { $0.code == code }) { all[at].cents += cents } else { all.append((code, cents)) }
    }
}

// Tax outside of the United States.
extension QBOCompany {
    /// The tax code of a line, which has to have one.
    /// - Source: Intuit docs, error 6000.
    func globalCode(_ detail: JSON) throws(QBOError) -> String {
        guard let code = detail.reference("TaxCodeRef") else {
            throw .business("Make sure all your transactions have a GST/VAT rate before you save.", "TaxCodeRef")
        }
        guard let known = object(.taxCode, code), known.flag("Active") != false else { throw .unknownReference(.taxCode, code, "TaxCodeRef") }
        return code
    }

    /// Cents of tax and the answer's tax detail: worked out by the codes of the lines, a line for each rate. A line that states another amount is kept, with what
    /// it is more; a total alone changes nothing.
    /// - Source: Intuit docs, TxnTaxDetail; Finance XSD, `OverrideDeltaAmount`. That the total has to be the sum is inferred.
    func globalTax(_ input: JSON, _ nets: QBONets, _ list: String) throws(QBOError) -> (Int64, JSON) {
        guard (input.text("GlobalTaxCalculation") ?? "TaxExcluded") == "TaxExcluded" else {
            throw QBOError(
                code: "5030", message: "Feature Not Supported", detail: "Amounts with tax in them are not used in this company", element: "GlobalTaxCalculation")
        }
        var parts: [(rate: String, net: Int64)] = []
        for (code, cents) in nets.all {
            for detail in object(.taxCode, code)?.member(list, "TaxRateDetail")?.array ?? [] {
                guard let rate = detail.reference("TaxRateRef") else { continue }
                if let at = parts.firstIndex(where: { $0.rate == rate }) { parts[at].net += cents } else { parts.append((rate, cents)) }
            }
        }
        let detail = input.member("TxnTaxDetail")
        var stated: [String: Int64] = [:]
        for line in detail?["TaxLine"]?.array ?? [] {
            guard let rate = line.member("TaxLineDetail")?.reference("TaxRateRef"), parts.contains(where: { $0.rate == rate }), stated[rate] == nil else {
                throw .business("A tax line needs a tax rate of a line of the transaction, each once.", "TxnTaxDetail.TaxLine")
            }
            guard let amount = try line.cents("Amount", element: "TxnTaxDetail.TaxLine.Amount") else { throw .missing("TxnTaxDetail.TaxLine.Amount") }
            stated[rate] = amount
        }
        var total: Int64 = 0
        var lines: [JSON] = []
        for part in parts {
            let percent = object(.taxRate, part.rate)?["RateValue"]?.decimal ?? .zero
            let own = Int64((ExactDecimal(coefficient: Int128(part.net), scale: 4) * percent).rounded(toScale: 2).coefficient)
            let amount = stated[part.rate] ?? own
            total += amount
            var inner: JSON = [
                "TaxRateRef": ["value": .string(part.rate)], "PercentBased": true, "TaxPercent": .decimal(percent), "NetAmountTaxable": .cents(part.net),
            ]
            if amount != own { inner = inner.setting("OverrideDeltaAmount", .cents(amount - own)) }
            lines.append(["Amount": .cents(amount), "DetailType": "TaxLineDetail", "TaxLineDetail": inner])
        }
        if !stated.isEmpty, let said = try detail?.cents("TotalTax", element: "TxnTaxDetail.TotalTax"), said != total {
            throw .business("The total tax is not the sum of its lines.", "TxnTaxDetail.TotalTax")
        }
        return (total, ["TotalTax": .cents(total), "TaxLine": .array(lines)])
    }
}
