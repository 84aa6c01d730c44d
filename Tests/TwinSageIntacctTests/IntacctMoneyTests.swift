import Kernel
import Testing
import TwinKit
import Wire

@testable import TwinSageIntacct

@Suite("Sage Intacct: payments, receipts and journals")
struct IntacctMoneyTests {
    @Test("a payment settles its invoice, lines from the first to the last")
    func payment() throws {
        let bench = try IntacctBench()
        let invoice = try bench.key(IntacctBench.invoice())
        let payment = try bench.made(IntacctBench.payment([(invoice, "<TRX_PAYMENTAMOUNT>40.00</TRX_PAYMENTAMOUNT>")]))
        #expect(bench.lines("ARPYMT", payment) == ["1000: 4000", "1200: -4000"] && bench.entry("ARPYMT", payment)?.key == "zzzz456789abcdef")
        #expect(try bench.row("ARINVOICE", invoice, "STATE", "TRX_TOTALPAID", "TRX_TOTALDUE") == ["Partially Paid", "40", "3.18"])
        #expect(try bench.rows("ARINVOICEITEM", ["TRX_TOTALPAID"], IntacctBench.equal("RECORDKEY", invoice)) == [["39.98"], ["0.02"]])
        #expect(try bench.rows("ARPYMT", ["RECORDNO", "STATE"], IntacctBench.equal("DOCNUMBER", "ch_77")) == [[payment, "Posted"]])
        #expect(try bench.rows("ARPYMTDETAIL", ["RECORDKEY", "TRX_PAYMENTAMOUNT"], IntacctBench.equal("PAYMENTKEY", payment)) == [[invoice, "40"]])
        _ = try bench.made(IntacctBench.payment([(invoice, "<TRX_PAYMENTAMOUNT>3.18</TRX_PAYMENTAMOUNT>")]))
        #expect(try bench.row("ARINVOICE", invoice, "STATE", "WHENPAID") == ["Paid", "11/21/2026"])
        let late = try bench.refusal(IntacctBench.payment([(invoice, "<TRX_PAYMENTAMOUNT>1</TRX_PAYMENTAMOUNT>")]))
        #expect(late.number == "BL03000130" && late.text.contains("is already paid"))
    }

    @Test("what is wrong with a payment is said, and nothing is settled", arguments: [
        ("<TRX_PAYMENTAMOUNT>43.19</TRX_PAYMENTAMOUNT>", "<FINANCIALENTITY>BOA</FINANCIALENTITY>", "The amount 43.19 is more than the 43.18 due"),
        ("<TRX_PAYMENTAMOUNT>0</TRX_PAYMENTAMOUNT>", "<FINANCIALENTITY>BOA</FINANCIALENTITY>", "The payment amount must be greater than 0."),
        ("<TRX_PAYMENTAMOUNT>-1</TRX_PAYMENTAMOUNT>", "<FINANCIALENTITY>BOA</FINANCIALENTITY>", "Invalid payment amount '-1' specified."),
        ("<TRX_PAYMENTAMOUNT>1</TRX_PAYMENTAMOUNT>", "<FINANCIALENTITY>NONE</FINANCIALENTITY>", "Invalid bank account 'NONE' specified."),
        ("<TRX_PAYMENTAMOUNT>1</TRX_PAYMENTAMOUNT>", "", "Required field Bank account or Undeposited funds account is missing"),
        ("<TRX_PAYMENTAMOUNT>1</TRX_PAYMENTAMOUNT>", "<FINANCIALENTITY>BARC</FINANCIALENTITY>", "The currency of the bank account is GBP."),
        ("<TRX_PAYMENTAMOUNT>1</TRX_PAYMENTAMOUNT>", "<FINANCIALENTITY>BOA</FINANCIALENTITY><CURRENCY>EUR</CURRENCY>", "The transaction"),
    ])
    func refusals(detail: String, more: String, text: String) throws {
        let bench = try IntacctBench()
        let invoice = try bench.key(IntacctBench.invoice())
        let refusal = try bench.refusal(IntacctBench.payment([(invoice, detail)], more: more))
        #expect(refusal.text.hasPrefix(text), "\(refusal)")
        #expect(try bench.row("ARINVOICE", invoice, "STATE", "TRX_TOTALDUE") == ["Posted", "43.18"] && bench.twin.entries().count == 1)
        #expect(try bench.refusal(IntacctBench.payment([(invoice, detail)], day: "10/31/2026")).text.hasPrefix("Periods are closed."))
    }

    @Test("a credit memo pays beside money, and a reversed payment gives both back")
    func creditAndReversal() throws {
        let bench = try IntacctBench()
        let invoice = try bench.key(IntacctBench.invoice())
        let memo = """
            <create_aradjustment><customerid>C100</customerid>\(IntacctBench.day("datecreated", 20))<adjustmentno>CR-1</adjustmentno>
            <aradjustmentitems>\(IntacctBench.line("4910", "-10.00"))</aradjustmentitems></create_aradjustment>
            """
        let credit = try bench.key(memo)
        let detail = "<ADJUSTMENTKEY>\(credit)</ADJUSTMENTKEY><TRX_ADJUSTMENTAMOUNT>4</TRX_ADJUSTMENTAMOUNT><TRX_PAYMENTAMOUNT>39.18</TRX_PAYMENTAMOUNT>"
        let payment = try bench.made(IntacctBench.payment([(invoice, detail)]))
        #expect(bench.lines("ARPYMT", payment) == ["1000: 3918", "1200: -3918"])
        #expect(try bench.row("ARINVOICE", invoice, "STATE", "TRX_TOTALDUE") == ["Paid", "0"])
        #expect(try bench.row("ARADJUSTMENT", credit, "STATE", "TRX_TOTALDUE") == ["Partially Paid", "-6"])
        try bench.call("<reverse_arpayment key=\"\(payment)\">\(IntacctBench.day("datereversed", 22))</reverse_arpayment>")
        #expect(try bench.row("ARINVOICE", invoice, "STATE", "TRX_TOTALDUE", "TOTALDUE") == ["Posted", "43.18", "43.18"])
        #expect(try bench.row("ARADJUSTMENT", credit, "STATE", "TRX_TOTALDUE") == ["Posted", "-10"] && bench.entry("ARPYMT", payment)?.live == false)
        #expect(try bench.refusal("<reverse_arpayment key=\"\(payment)\">\(IntacctBench.day("datereversed", 22))</reverse_arpayment>")
            .text.hasPrefix("Invalid payment key"))
    }

    @Test("a payment at another rate than its invoice makes a gain or a loss")
    func exchange() throws {
        let bench = try IntacctBench()
        let invoice = try bench.key(IntacctBench.invoice(day: 14, money: "<currency>EUR</currency><exchratetype>Intacct Daily Rate</exchratetype>"))
        let payment = try bench.made(IntacctBench.payment([(invoice, "<TRX_PAYMENTAMOUNT>43.18</TRX_PAYMENTAMOUNT>")]))
        #expect(bench.lines("ARPYMT", payment) == ["1000: 4836", "1200: -4750", "7100: -86"] && bench.balances())
        #expect(try bench.row("ARINVOICE", invoice, "TOTALDUE", "TRX_TOTALDUE") == ["0", "0"])
    }

    @Test("what was paid too much is applied to another invoice later")
    func overpayment() throws {
        let bench = try IntacctBench()
        let (one, two) = (try bench.key(IntacctBench.invoice("A-1")), try bench.key(IntacctBench.invoice("A-2")))
        let payment = try bench.key("""
            <create_arpayment><customerid>C100</customerid><paymentamount>50.00</paymentamount><undepfundsacct>1070</undepfundsacct><refid>ch_1</refid>
            \(IntacctBench.day("datereceived", 21))<paymentmethod>Credit Card</paymentmethod>
            <arpaymentitem><invoicekey>\(one)</invoicekey><amount>43.18</amount></arpaymentitem></create_arpayment>
            """)
        #expect(bench.lines("ARPYMT", payment) == ["1070: 5000", "1200: -5000"])
        let apply = { (amount: String) in
            """
            <apply_arpayment><arpaymentkey>\(payment)</arpaymentkey>\(IntacctBench.day("paymentdate", 22))
            <arpaymentitems><arpaymentitem><invoicekey>\(two)</invoicekey><amount>\(amount)</amount></arpaymentitem></arpaymentitems></apply_arpayment>
            """
        }
        #expect(try bench.refusal(apply("6.83")).text.hasPrefix("The payment has 6.82 left to apply."))
        try bench.call(apply("6.82"))
        #expect(try bench.row("ARINVOICE", two, "STATE", "TRX_TOTALDUE") == ["Partially Paid", "36.36"]
            && bench.lines("ARPYMT", payment) == ["1070: 5000", "1200: -5000"])
    }

    @Test("an advance waits on its account for its invoice")
    func advance() throws {
        let bench = try IntacctBench()
        let advance = try bench.made("""
            <create><ARADVANCE><CUSTOMERID>C100</CUSTOMERID><PAYMENTMETHOD>EFT</PAYMENTMETHOD><UNDEPOSITEDACCOUNTNO>1070</UNDEPOSITEDACCOUNTNO>
            <PAYMENTDATE>11/20/2026</PAYMENTDATE><ARADVANCEITEMS><ARADVANCEITEM><ACCOUNTNO>2350</ACCOUNTNO><TRX_AMOUNT>43.18</TRX_AMOUNT>
            </ARADVANCEITEM></ARADVANCEITEMS>
            </ARADVANCE></create>
            """)
        #expect(bench.lines("ARADVANCE", advance) == ["1070: 4318", "2350: -4318"])
        let invoice = try bench.key(IntacctBench.invoice())
        let detail = "<ADVANCEKEY>\(advance)</ADVANCEKEY><TRX_POSTEDADVANCEAMOUNT>43.18</TRX_POSTEDADVANCEAMOUNT>"
        let payment = try bench.made(IntacctBench.payment([(invoice, detail)], more: ""))
        #expect(bench.lines("ARPYMT", payment) == ["2350: 4318", "1200: -4318"])
        #expect(try bench.row("ARADVANCE", advance, "STATE", "TRX_TOTALDUE") == ["Paid", "0"] && bench.row("ARINVOICE", invoice, "STATE") == ["Paid"])
    }

    @Test("a receipt without an invoice is carried to the bank by a deposit, once")
    func receipts() throws {
        let bench = try IntacctBench()
        let receipt = try bench.key("""
            <record_otherreceipt>\(IntacctBench.day("paymentdate", 20))<payee>Shop</payee>
            \(IntacctBench.day("receiveddate", 20))<paymentmethod>Credit Card</paymentmethod>
            <undepglaccountno>1070</undepglaccountno><refid>R-1</refid><description>cf:0123456789abcdef</description>
            <receiptitems>\(IntacctBench.line("4000", "20"))\(IntacctBench.line("2200", "1.60"))</receiptitems></record_otherreceipt>
            """)
        #expect(bench.lines("OTHERRECEIPTS", receipt) == ["1070: 2160", "4000: -2000", "2200: -160"])
        let deposit = { (id: String) in
            """
            <record_deposit><bankaccountid>BOA</bankaccountid>\(IntacctBench.day("depositdate", 23))<depositid>\(id)</depositid>
            <receiptkeys><receiptkey>\(receipt)</receiptkey></receiptkeys></record_deposit>
            """
        }
        let key = try bench.key(deposit("D-1"))
        #expect(try bench.lines("DEPOSIT", key) == ["1000: 2160", "1070: -2160"] && bench.row("OTHERRECEIPTS", receipt, "STATE") == ["Deposited"])
        #expect(try bench.refusal(deposit("D-1")).number == "BL34000061")
        #expect(try bench.refusal(deposit("D-2")).text.hasPrefix("Invalid receipt key"))
        #expect(try bench.refusal("<delete_otherreceipt key=\"\(receipt)\"/>").text.contains("was deposited"))
    }

    // MARK: - Journals

    @Test("a journal entry has debits and credits by type, equal in each location and currency")
    func journal() throws {
        let bench = try IntacctBench()
        let key = try bench.made(IntacctBench.batch(IntacctBench.entry("1000", 1, "97.10") + IntacctBench.entry("6200", 1, "2.90")
            + IntacctBench.entry("1050", -1, "100.00")))
        #expect(bench.lines("GLBATCH", key) == ["1000: 9710", "6200: 290", "1050: -10000"] && bench.entry("GLBATCH", key)?.key == "0123456789abcdef")
        #expect(try bench.rows("GLBATCH", ["RECORDNO", "STATE", "BATCH_DATE"],
            IntacctBench.equal("REFERENCENO", "cf:0123456789abcdef")) == [[key, "Posted", "11/20/2026"]])
        #expect(try bench.rows("GLENTRY", ["ACCOUNTNO", "TR_TYPE", "TRX_AMOUNT"], IntacctBench.equal("BATCHNO", key)).last == ["1050", "-1", "100"])
        let details = try bench.rows("GLDETAIL", ["ACCOUNTNO", "DEBITAMOUNT", "CREDITAMOUNT"], IntacctBench.equal("ACCOUNTNO", "1050"))
        #expect(details == [["1050", "", "100"]])
    }

    @Test("entries that can't stand are refused", arguments: [
        (IntacctBench.entry("1000", 1, "10") + IntacctBench.entry("1050", -1, "9"), "11/20/2026",
        "Debits and credits are not equal: 10 and 9 in USD for location 100."),
        (IntacctBench.entry("1000", 1, "10"), "11/20/2026", "A journal entry needs at least two lines."),
        (IntacctBench.entry("1000", 1, "-10") + IntacctBench.entry("1050", -1, "-10"), "11/20/2026",
        "The amount of a line that has a transaction type can't be negative."),
        (IntacctBench.entry("1000", nil, "0") + IntacctBench.entry("1050", nil, "0"), "11/20/2026", "Required field Transaction type is missing"),
        (IntacctBench.entry("1000", 2, "1") + IntacctBench.entry("1050", -1, "1"), "11/20/2026", "Invalid transaction type '2' specified."),
        (IntacctBench.entry("1000", 1, "1") + IntacctBench.entry("1050", -1, "1"), "2026-11-20", "Invalid Posting Date '2026-11-20' specified."),
        (IntacctBench.entry("1000", 1, "1") + IntacctBench.entry("1050", -1, "1"), "10/15/2026", "Periods are closed."),
        (IntacctBench.entry("1000", 1, "1", more: "<LOCATION>110</LOCATION>") + IntacctBench.entry("1050", -1, "1", more: "<LOCATION>200</LOCATION>"),
        "11/20/2026", "Invalid Location '200' specified."),
    ])
    func unbalanced(entries: String, date: String, text: String) throws {
        let bench = try IntacctBench()
        let refusal = try bench.refusal(IntacctBench.batch(entries, date: date))
        #expect(refusal.text.hasPrefix(text), "\(refusal)")
        #expect(bench.twin.entries().isEmpty)
    }

    @Test("a zero line that states its type is taken, and rounding in base goes to the largest line")
    func zeroAndRounding() throws {
        let bench = try IntacctBench()
        let euros = "<LOCATION>100</LOCATION><CURRENCY>EUR</CURRENCY><EXCH_RATE_TYPE_ID>Intacct Daily Rate</EXCH_RATE_TYPE_ID>"
        let entries = IntacctBench.entry("1050", 1, "10.01", more: euros) + IntacctBench.entry("4000", -1, "3.33", more: euros)
            + IntacctBench.entry("4100", -1, "3.34", more: euros)
            + IntacctBench.entry("4200", -1, "3.34", more: euros) + IntacctBench.entry("6200", 1, "0", more: euros)
        let key = try bench.made(IntacctBench.batch(entries))
        #expect(bench.balances() && bench.lines("GLBATCH", key).count == 4)
    }

    @Test("an update replaces all entries, a reversal is an entry of its own, and a deleted entry leaves the books")
    func changes() throws {
        let bench = try IntacctBench()
        let key = try bench.made(IntacctBench.batch(IntacctBench.entry("1000", 1, "5") + IntacctBench.entry("1050", -1, "5")))
        let entries = IntacctBench.entry("1010", 1, "7") + IntacctBench.entry("1050", -1, "7")
        try bench.call("<update><GLBATCH><RECORDNO>\(key)</RECORDNO><ENTRIES>\(entries)</ENTRIES></GLBATCH></update>")
        #expect(bench.lines("GLBATCH", key) == ["1010: 700", "1050: -700"])
        try bench.call("<update><GLBATCH><RECORDNO>\(key)</RECORDNO><REVERSEDATE>11/30/2026</REVERSEDATE></GLBATCH></update>")
        let other = try bench.row("GLBATCH", key, "REVERSEDKEY")[0]
        #expect(bench.lines("GLBATCH", other) == ["1010: -700", "1050: 700"] && bench.entry("GLBATCH", other)?.date.description == "2026-11-30")
        try bench.call("<delete><object>GLBATCH</object><keys>\(other)</keys></delete>")
        #expect(try bench.entry("GLBATCH", other)?.live == false && bench.rows("GLBATCH", ["RECORDNO"]) == [[key]])
    }
}
