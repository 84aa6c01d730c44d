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

    @Test(
        "a value that a policy does not have is refused, naming policy and values",
        arguments: [
            ("edit", "revert"), ("tax_difference_cap", "-1"), ("tax_difference_cap", "many"), ("rms_wait", "24 hours"),
            ("rms_wait", "PTH"),
            ("day_cut_off", "25:00"), ("day_cut_off", "4:00"), ("tips", "income"), ("entity_by", "owner"),
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
        #expect(policies.unsupported == ["posting: daily_summary", "cash_rounding"])
    }
}
