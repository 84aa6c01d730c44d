import Books
import Kernel
import Testing

@Suite("Policies as text")
struct PolicyTests {
    @Test("a policy is set by its name and value")
    func sets() throws {
        var policies = Policies()
        try policies.set("edit", to: "delta")
        try policies.set("tax_difference_cap", to: "0.10")
        try policies.set("rms_wait", to: "PT90M")
        try policies.set("day_cut_off", to: "04:30")
        try policies.set("tips", to: "payable")
        #expect(policies.edit == .delta && policies.rmsWait == .seconds(5_400) && policies.dayCutOff == 16_200)
        #expect(policies.taxDifferenceCap == d("0.1"))
    }

    @Test("posting may change from a day on; each day has one value")
    func datedPosting() throws {
        var policies = Policies()
        try policies.set("posting", to: "per_document, daily_summary from 2026-11-15, payout from 2027-01-01")
        #expect(policies.posting(on: day("2026-11-14")) == .perDocument)
        #expect(policies.posting(on: day("2026-11-15")) == .dailySummary && policies.posting(on: day("2026-12-31")) == .dailySummary)
        #expect(policies.posting(on: day("2027-06-01")) == .payout)
        #expect(policies.unsupported == [])
    }

    @Test("a business day begins at the cut-off by the local clock, on days of 23 and 25 hours too")
    func cutOff() throws {
        let chicago = try Zone.named("America/Chicago")
        var policies = Policies()
        try policies.set("day_cut_off", to: "04:00")
        #expect(policies.day(of: at("2026-11-01T03:59:59-06:00"), in: chicago) == day("2026-10-31"))
        #expect(policies.day(of: at("2026-11-01T04:00:00-06:00"), in: chicago) == day("2026-11-01"))
        #expect(policies.day(of: at("2026-03-08T03:59:59-05:00"), in: chicago) == day("2026-03-07"))
        #expect(policies.day(of: at("2026-03-08T04:00:00-05:00"), in: chicago) == day("2026-03-08"))
        #expect(Policies().day(of: at("2026-11-01T00:00:00-05:00"), in: chicago) == day("2026-11-01"))
    }

    @Test(
        "a value that a policy does not have is refused, naming policy and values",
        arguments: [
            ("edit", "revert"), ("tax_difference_cap", "-1"), ("tax_difference_cap", "many"), ("rms_wait", "24 hours"),
            ("rms_wait", "PTH"),
            ("posting", "daily"), ("posting", "per_document, daily_summary"), ("posting", "per_document,payout from November"),
            ("posting", "per_document, payout from 2026-11-15, daily_summary from 2026-11-01"), ("posting", "payout from 2026-11-01"),
            ("posting", ""), ("day_cut_off", "25:00"), ("day_cut_off", "4:00"), ("tips", "income"), ("entity_by", "owner"),
        ])
    func refuses(name: String, value: String) {
        var policies = Policies()
        let fault = #expect(throws: Fault.self) { try policies.set(name, to: value) }
        #expect(
            fault?.code == "invalid_policy" && fault?.position == name && fault?.remedy.hasPrefix("Allowed: ") == true)
        #expect(policies == Policies())
    }

    @Test("a name that is no policy is refused with those that are")
    func unknown() {
        var policies = Policies()
        let fault = #expect(throws: Fault.self) { try policies.set("editing", to: "revise") }
        #expect(fault?.code == "unknown_policy" && fault?.remedy.contains("tax_difference_cap") == true)
    }

    @Test("every listed name can be set to something", arguments: Policies.names)
    func named(name: String) {
        var policies = Policies()
        let fault = #expect(throws: Fault.self) { try policies.set(name, to: "?") }
        #expect(fault?.code == "invalid_policy")
    }

    @Test("templates of VAT countries take tax out of fees and goodwill, the American one does not")
    func templates() {
        #expect(Policies.template(country: "US") == Policies())
        #expect(
            Policies.template(country: "GB").feeTax == .inclusive
                && Policies.template(country: "FR").goodwillTax == .orderRate)
    }

    @Test("settings beyond the planner are named")
    func unsupported() throws {
        var policies = Policies()
        #expect(policies.unsupported.isEmpty)
        try policies.set("posting", to: "daily_summary")
        try policies.set("cash_rounding", to: "0.05")
        try policies.set("held_money", to: "book_to_receivable")
        #expect(policies.unsupported == ["held_money: book_to_receivable"])
        #expect(policies.unplanned == ["held_money: book_to_receivable"])
    }
}
