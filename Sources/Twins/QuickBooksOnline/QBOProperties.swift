/// The names QuickBooks Online knows, so that a misspelt or misplaced property is refused as the vendor refuses it.
/// - Source: Intuit's published schema Finance.xsd, IntuitNamesTypes.xsd and IntuitBaseTypes.xsd (July 2026).
enum QBOProperties {
    /// The properties an object of this kind may have at its top level.
    static func of(_ kind: QBOKind) -> Set<String> { byKind[kind] ?? [] }

    /// The properties of a line, whatever its detail.
    static let line = names(
        """
        Id LineNum Description Amount Received LinkedTxn DetailType PaymentLineDetail DiscountLineDetail
        TaxLineDetail SalesItemLineDetail DescriptionLineDetail ItemBasedExpenseLineDetail
        AccountBasedExpenseLineDetail ReimburseLineDetail DepositLineDetail PurchaseOrderItemLineDetail
        SalesOrderItemLineDetail ItemReceiptLineDetail JournalEntryLineDetail GroupLineDetail
        SubTotalLineDetail TDSLineDetail ItemAdjustmentLineDetail CustomField LineEx ProjectRef CostAmount
        HomeCostAmount
        """)

    /// The properties of each line detail, by the value of `DetailType` that calls for it.
    static let details: [String: Set<String>] = [
        "SalesItemLineDetail": salesItem, "DiscountLineDetail": discount, "JournalEntryLineDetail": journalEntry,
        "SubTotalLineDetail": names("ItemRef ServiceDate"), "GroupLineDetail": group,
        "DescriptionOnly": names("ServiceDate TaxCodeRef DescriptionLineDetailEx"),
        "AccountBasedExpenseLineDetail": names(
            "CustomerRef ClassRef AccountRef BillableStatus MarkupInfo TaxAmount TaxCodeRef TaxInclusiveAmt ExpenseDetailLineDetailEx"),
        "ItemBasedExpenseLineDetail": names(
            """
            ItemRef ClassRef UnitPrice UnitCostPrice RatePercent PriceLevelRef MarkupInfo Qty UOMRef ItemAccountRef
            InventorySiteRef TaxCodeRef TaxClassificationRef CustomerRef BillableStatus TaxInclusiveAmt
            ItemBasedExpenseLineDetailEx
            """),
    ]

    /// The property that carries a line's detail.
    static func detailName(_ type: String) -> String { type == "DescriptionOnly" ? "DescriptionLineDetail" : type }

    static let taxDetail = names(
        """
        DefaultTaxCodeRef TxnTaxCodeRef TotalTax TaxReviewStatus TaxLine UseAutomatedSalesTax
        """)
    static let taxLine = names(
        """
        TaxRateRef PercentBased TaxPercent NetAmountTaxable TaxInclusiveAmount OverrideDeltaAmount ServiceDate
        TaxLineDetailEx
        """)
    /// Every value of `DetailType` that the schema lists.
    static let detailTypes = names(
        """
        PaymentLineDetail DiscountLineDetail TaxLineDetail SalesItemLineDetail ItemBasedExpenseLineDetail
        AccountBasedExpenseLineDetail DepositLineDetail PurchaseOrderItemLineDetail ItemReceiptLineDetail
        JournalEntryLineDetail GroupLineDetail DescriptionOnly SubTotalLineDetail SalesOrderItemLineDetail TDSLineDetail
        ReimburseLineDetail ItemAdjustmentLineDetail
        """)
    static let linkedTransaction = names("TxnId TxnType TxnLineId")
    static let reference = names("value name type")

    private static let salesItem = names(
        """
        ItemRef ClassRef UnitPrice UnitCostPrice RatePercent PriceLevelRef MarkupInfo Qty UOMRef
        ItemAccountRef InventorySiteRef TaxCodeRef TaxClassificationRef ServiceDate TaxInclusiveAmt
        DiscountRate DiscountAmt DeferredRevenue SalesItemLineDetailEx
        """)
    private static let discount = names(
        """
        DiscountRef PercentBased DiscountPercent DiscountAccountRef ServiceDate ClassRef TaxCodeRef
        DiscountLineDetailEx
        """)
    private static let journalEntry = names(
        """
        PostingType Entity AccountRef ClassRef DepartmentRef TaxCodeRef TaxRateRef TaxApplicableOn TaxAmount
        TaxInclusiveAmt BillableStatus JournalCodeRef JournalEntryLineDetailEx
        """)
    private static let group = names("GroupItemRef Quantity UOMRef ServiceDate Line GroupLineDetailEx")

    private static let entity = "Id SyncToken MetaData CustomField AttachableRef domain sparse status "
    private static let transaction = """
        DocNumber TxnDate DepartmentRef CurrencyRef ExchangeRate PrivateNote TxnStatus LinkedTxn Line
        TxnTaxDetail TxnSource TaxFormType TaxFormNum TransactionLocationType Tag TxnApprovalInfo RecurDataRef
        RecurringInfo ProjectRef TotalCostAmount HomeTotalCostAmount TotalAmt

        """
    private static let person = """
        IntuitId Organization Title GivenName MiddleName FamilyName Suffix FullyQualifiedName CompanyName DisplayName
        PrintOnCheckName UserId Active V4IDPseudonym PrimaryPhone AlternatePhone Mobile Fax PrimaryEmailAddr WebAddr
        OtherContactInfo DefaultTaxCodeRef

        """
    private static let salesForm = """
        AutoDocNumber CustomerRef CustomerMemo BillAddr ShipAddr FreeFormAddress ShipFromAddr RemitToRef
        ClassRef SalesTermRef DueDate SalesRepRef PONumber FOB ShipMethodRef ShipDate TrackingNum
        GlobalTaxCalculation HomeTotalAmt ApplyTaxAfterDiscount ShippingTaxIncludedInTotalTax TemplateRef
        PrintStatus EmailStatus BillEmail BillEmailCc BillEmailBcc ARAccountRef Balance HomeBalance
        FinanceCharge PaymentMethodRef PaymentRefNum PaymentType CheckPayment CreditCardPayment
        DepositToAccountRef DeliveryInfo DiscountRate DiscountAmt GovtTxnRefIdentifier TaxExemptionRef

        """

    private static let purchase = "VendorRef APAccountRef BillEmail ReplyEmail Memo GlobalTaxCalculation VendorAddr "

    private static func names(_ text: String) -> Set<String> {
        Set(text.split(whereSeparator: \.isWhitespace).map(String.init))
    }

    private static let byKind: [QBOKind: Set<String>] = [
        .invoice: names(
            entity + transaction + salesForm + """
                Deposit AllowIPNPayment AllowOnlinePayment AllowOnlineCreditCardPayment AllowOnlineACHPayment
                AllowOnlinePayPalPayment EInvoiceStatus ECloudStatusTimeStamp CfdiUse Exportation GlobalInfo
                invoiceStatus callToAction invoiceStatusLog InvoiceEx LessCIS InvoiceLink PaymentDetailsMessage
                ConvenienceFeeDetail InvoiceLinkSecurityCode InvoiceLinkExpiryDate AutoPayEligible
                SchedulePayEligible ScheduledPaymentId GratuityEnabled FinancingProductType
                SubscriptionPaymentsSetting
                """),
        .creditMemo: names(
            entity + transaction + salesForm + """
                RemainingCredit InvoiceRef CreditMemoEx
                """),
        .salesReceipt: names(
            entity + transaction + salesForm + """
                SalesReceiptEx LessCIS
                """),
        .refundReceipt: names(
            entity + transaction + salesForm + """
                RemainingCredit RefundReceiptEx
                """),
        .payment: names(
            entity + transaction + """
                CustomerRef RemitToRef ARAccountRef DepositToAccountRef PaymentMethodRef PaymentRefNum PaymentType
                CheckPayment CreditCardPayment UnappliedAmt ProcessPayment PaymentEx
                """),
        .journalEntry: names(
            entity + transaction + """
                Adjustment HomeCurrencyAdjustment EnteredInHomeCurrency GlobalTaxCalculation HomeTotalAmt
                JournalEntryEx
                """),
        .bill: names(
            entity + transaction + purchase + """
                PayerRef SalesTermRef DueDate RemitToAddr ShipAddr Balance HomeBalance BillEx LessCIS
                IncludeInAnnualTPAR
                """),
        .vendorCredit: names(entity + transaction + purchase + "VendorCreditEx Balance IncludeInAnnualTPAR"),
        .billPayment: names(
            entity + transaction + """
                VendorRef VendorAddr APAccountRef PayType CheckPayment CreditCardPayment BillPaymentEx
                ProcessBillPayment
                """),
        .purchaseOrder: names(
            entity + transaction + purchase + """
                TaxCodeRef ClassRef ReimbursableInfoRef SalesTermRef DueDate ExpectedDate ShipTo DropShipToEntity
                InventorySiteRef ShipAddr ShipMethodRef FOB POEmail TemplateRef PrintStatus EmailStatus
                ManuallyClosed POStatus PurchaseOrderEx
                """),
        .attachable: names(
            entity + """
                FileName FileAccessUri TempDownloadUri Size ContentType Category Lat Long PlaceName Note Tag
                ThumbnailFileAccessUri ThumbnailTempDownloadUri AttachableEx
                """),
        .vendor: names(
            entity + person + """
                ContactName AltContactName Notes BillAddr ShipAddr OtherAddr TaxCountry TaxIdentifier
                TaxIdEffectiveDate BusinessNumber ParentRef VendorTypeRef TermRef PrefillAccountRef Balance BillRate
                OpenBalanceDate CreditLimit AcctNum Vendor1099 T4AEligible T5018Eligible CurrencyRef TDSEnabled
                TDSEntityTypeId TDSSectionTypeId TDSOverrideThreshold TaxReportingBasis APAccountRef VendorEx GSTIN
                GSTRegistrationType IsSubContractor SubcontractorType CISRate HasTPAR VendorPaymentBankDetail Source
                CostRate
                """),
        .customer: names(
            entity + person + """
                Taxable BillAddr ShipAddr OtherAddr
                ContactName AltContactName Notes Job BillWithParent RootCustomerRef ParentRef Level
                CustomerTypeRef SalesTermRef SalesRepRef TaxGroupCodeRef TaxRateRef PaymentMethodRef CCDetail
                PriceLevelRef Balance OpenBalanceDate BalanceWithJobs CreditLimit AcctNum CurrencyRef
                OverDueBalance TotalRevenue TotalExpense PreferredDeliveryMethod ResaleNum JobInfo TDSEnabled
                CustomerEx SecondaryTaxIdentifier ARAccountRef PrimaryTaxIdentifier TaxExemptionReasonId IsProject
                BusinessNumber GSTIN GSTRegistrationType IsCISContractor ClientCompanyId ClientEntityId Source
                TaxRegime
                """),
        .item: names(
            entity + """
                Name Sku Description Active SubItem ParentRef Level FullyQualifiedName Taxable SalesTaxIncluded
                PercentBased UnitPrice RatePercent Type PaymentMethodRef UOMSetRef IncomeAccountRef PurchaseDesc
                PurchaseTaxIncluded PurchaseCost ExpenseAccountRef COGSAccountRef AssetAccountRef PrefVendorRef
                AvgCost TrackQtyOnHand QtyOnHand QtyOnPurchaseOrder QtyOnSalesOrder ReorderPoint ManPartNum
                DepositToAccountRef SalesTaxCodeRef PurchaseTaxCodeRef InvStartDate BuildPoint PrintGroupedItems
                SpecialItem SpecialItemType ItemGroupDetail ItemAssemblyDetail AbatementRate ReverseChargeRate
                ServiceType ItemCategoryType ItemEx TaxClassificationRef UQCDisplayText UQCId ClassRef Source
                DeferredRevenue
                """),
        .account: names(
            entity + """
                Name SubAccount ParentRef Description FullyQualifiedName AccountAlias TxnLocationType Active
                Classification AccountType AccountSubType AccountPurposes AcctNum AcctNumExtn BankNum
                OpeningBalance OpeningBalanceDate CurrentBalance CurrentBalanceWithSubAccounts CurrencyRef
                TaxAccount TaxCodeRef OnlineBankingEnabled FIName JournalCodeRef AccountEx
                """),
        .trackingClass: names(
            entity + """
                Name SubClass ParentRef FullyQualifiedName Active ClassEx
                """),
        .department: names(
            entity + """
                Name SubDepartment ParentRef FullyQualifiedName Active DepartmentEx Address
                """),
    ]
}
