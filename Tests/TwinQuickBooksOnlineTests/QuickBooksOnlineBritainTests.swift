import Kernel
import Testing
import TwinKit
import TwinQuickBooksOnline
import Wire

@Suite("QuickBooks Online's twin in Britain") struct QuickBooksOnlineBritainTests {
    private func bench() throws -> QuickBooksOnlineBench { try QuickBooksOnlineBench(country: .unitedKingdom) }

    private static func invoice(_ customer: String, _ lines: [(amount: String, code: String)], _ more: String = "") -> String {
        let all = lines.map { line in
            let code = line.code.isEmpty ? "" : ", TaxCodeRef: {value: '\(line.code)'}"
            return "{Amount: \(line.amount), DetailType: 'SalesItemLineDetail', SalesItemLineDetail: {ItemRef: {value: '1'}\(code)}}"
        }
        return "{CustomerRef: {value: '\(customer)'}, Line: [\(all.joined(separator: ", "))]\(more.isEmpty ? "" : ", " + more)}"
    }

    private static func stated(_ amount: String, rate: String = "4", total: String? = nil) -> String {
        let all = total.map { "TotalTax: \($0), " } ?? ""
        return "TxnTaxDetail: {\(all)TaxLine: [{Amount: \(amount), DetailType: 'TaxLineDetail', TaxLineDetail: {TaxRateRef: {value: '\(rate)'}, PercentBased: true, TaxPercent: 20}}]}"
    }

    @Test("the company is in Britain, in pounds, with tax codes that have rates of sales and of purchases") func company() throws {
        let bench = try bench()
        #expect(try bench.get("companyinfo/9130350000000001").body.shown("CompanyInfo", "Country") == "GB")
        #expect(try bench.get("preferences").body.shown("Preferences", "CurrencyPrefs", "HomeCurrency", "value") == "GBP")
        let codes = try bench.query("select * from TaxCode").member("QueryResponse", "TaxCode")?.array ?? []
        #expect(codes.compactMap { $0["Name"]?.string }.sorted() == ["0.0% Z", "20.0% S", "5.0% R", "No VAT"])
        #expect(codes.first { $0["Id"] == "2" }?.shown("PurchaseTaxRateList", "TaxRateDetail", "0", "TaxRateRef", "value") == "5")
        #expect(try bench.query("select * from TaxRate").member("QueryResponse", "TaxRate")?.array?.count == 6)
    }

    @Test("tax is worked out for each rate; a line that states another amount is kept with the difference, a total alone is not") func tax() throws {
        let bench = try bench(), customer = try bench.customer()
        let own = try bench.make("Invoice", Self.invoice(customer, [("8.33", "2"), ("10.00", "5"), ("5.00", "6")]))
        #expect(own.shown("TotalAmt") == "25.00" && own.shown("TxnTaxDetail", "TotalTax") == "1.67" && own.shown("GlobalTaxCalculation") == "TaxExcluded")
        #expect(own.member("TxnTaxDetail", "TaxLine")?.array?.count == 2)
        let kept = try bench.make("Invoice", Self.invoice(customer, [("8.33", "2")], Self.stated("1.66", total: "1.66")))
        #expect(kept.shown("TotalAmt") == "9.99" && kept.shown("TxnTaxDetail", "TaxLine", "0", "TaxLineDetail", "OverrideDeltaAmount") == "-0.01")
        #expect(bench.lines(kept["Id"]?.string ?? "") == ["1200 999", "2200 -166", "4000 -833"])
        let total = try bench.make("Invoice", Self.invoice(customer, [("8.33", "2")], "TxnTaxDetail: {TotalTax: 1.66}"))
        #expect(total.shown("TxnTaxDetail", "TotalTax") == "1.67")
    }

    @Test("a line without a code, an unknown one, a rate of no line, or a total that is no sum is refused") func refusals() throws {
        let bench = try bench(), customer = try bench.customer()
        #expect(try bench.refusal("invoice", Self.invoice(customer, [("1", "")])) == "6000")
        #expect(try bench.refusal("invoice", Self.invoice(customer, [("1", "TAX")])) == "2500")
        #expect(try bench.refusal("invoice", Self.invoice(customer, [("1", "2")], Self.stated("0.20", rate: "6"))) == "6000")
        #expect(try bench.refusal("invoice", Self.invoice(customer, [("1", "2")], Self.stated("0.20", total: "0.21"))) == "6000")
        #expect(try bench.refusal("invoice", Self.invoice(customer, [("1", "2")], "GlobalTaxCalculation: 'TaxInclusive'")) == "5030")
        #expect(try bench.refusal("invoice", Self.invoice(customer, [("1", "2")], "CurrencyRef: {value: 'USD'}")) == "6000")
    }

    @Test("a bill has its tax by the rates of purchases, off the same liability") func bill() throws {
        let bench = try bench()
        let vendor = try bench.make("Vendor", "{DisplayName: 'Clayworks'}").shown("Id")
        let line = "{Amount: 8.33, DetailType: 'AccountBasedExpenseLineDetail', AccountBasedExpenseLineDetail: {AccountRef: {value: '53'}, TaxCodeRef: {value: '2'}}}"
        let made = try bench.make("Bill", "{VendorRef: {value: '\(vendor)'}, Line: [\(line)], \(Self.stated("1.66", rate: "5"))}")
        #expect(made.shown("TotalAmt") == "9.99" && made.shown("Balance") == "9.99")
        #expect(bench.lines(made.shown("Id")) == ["2000 -999", "2200 166", "6000 833"])
    }
}
