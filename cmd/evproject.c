/* evproject - apply a projection file to a store */
int main(void)
{
	return 2;
}
